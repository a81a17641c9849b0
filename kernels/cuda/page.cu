#include "kernels/cuda/page.hpp"

#include "kernels/cuda/launch.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned block_threads = 256;
constexpr unsigned piece_bytes = 16;
constexpr unsigned pieces_per_thread = 4;
constexpr unsigned tile_bytes = block_threads * pieces_per_thread * piece_bytes;

/// A page is cut into tiles, one a block; consecutive blocks have the tiles of one page.
struct Tiles {
  PageGrid grid;
  unsigned per_page;
};

/// What this block works on.
struct Tile {
  std::uint32_t index;  ///< of the page in its list
  std::uint32_t begin;  ///< byte of the page
};

__device__ Tile this_tile(const Tiles& tiles) {
  return {blockIdx.x / tiles.per_page, blockIdx.x % tiles.per_page * tile_bytes};
}

/// Byte of the page at which piece `i` of this thread begins; the page may end before.
__device__ std::uint64_t piece_at(const Tile& tile, unsigned i) {
  return tile.begin + std::uint64_t{i * block_threads + threadIdx.x} * piece_bytes;
}

template <class Byte>
__device__ Byte* page_start(Byte* slabs, const PageGrid& grid, std::uint32_t page) {
  return slabs + page / grid.pages_per_slab * grid.slab_bytes +
         std::uint64_t{page % grid.pages_per_slab} * grid.page_bytes;
}

__device__ std::uint64_t mix(std::uint64_t x) {
  const std::uint64_t y = (x ^ (x >> 32)) * page_word_factor;
  return y ^ (y >> 29);
}

/// Two words of a pattern, from byte `at` of the page.
__device__ ulonglong2 pattern(std::uint64_t page_key, std::uint64_t at) {
  const std::uint64_t first = page_key + at / sizeof(std::uint64_t) * page_word_step;
  return ulonglong2{mix(first), mix(first + page_word_step)};
}

__device__ std::uint64_t page_key(std::uint64_t seed_key, std::uint32_t id) {
  return mix(seed_key + id * page_word_step);
}

/// The first byte in which two words differ.
__device__ unsigned first_difference(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t difference = a ^ b;
  unsigned byte = 0;
  while (byte < 7 && (difference >> (8 * byte) & 0xff) == 0) ++byte;
  return byte;
}

__global__ void __launch_bounds__(block_threads)
    page_fill_kernel(unsigned char* slabs, Tiles tiles, const std::uint32_t* pages, const std::uint32_t* ids,
                     std::uint64_t seed) {
  const Tile tile = this_tile(tiles);
  unsigned char* page = page_start(slabs, tiles.grid, pages[tile.index]);
  const std::uint64_t key = page_key(mix(seed), ids[tile.index]);
#pragma unroll
  for (unsigned i = 0; i < pieces_per_thread; ++i) {
    const std::uint64_t at = piece_at(tile, i);
    if (at < tiles.grid.page_bytes) *reinterpret_cast<ulonglong2*>(page + at) = pattern(key, at);
  }
}

__global__ void __launch_bounds__(block_threads)
    page_verify_kernel(const unsigned char* slabs, Tiles tiles, const std::uint32_t* pages,
                       const std::uint32_t* ids, std::uint64_t seed, std::uint64_t* first_wrong) {
  const Tile tile = this_tile(tiles);
  const unsigned char* page = page_start(slabs, tiles.grid, pages[tile.index]);
  const std::uint64_t key = page_key(mix(seed), ids[tile.index]);
  ulonglong2 found[pieces_per_thread];
#pragma unroll
  for (unsigned i = 0; i < pieces_per_thread; ++i) {
    const std::uint64_t at = piece_at(tile, i);
    if (at < tiles.grid.page_bytes) found[i] = *reinterpret_cast<const ulonglong2*>(page + at);
  }
#pragma unroll
  for (unsigned i = 0; i < pieces_per_thread; ++i) {
    const std::uint64_t at = piece_at(tile, i);
    if (at >= tiles.grid.page_bytes) continue;
    const ulonglong2 expected = pattern(key, at);
    if (found[i].x == expected.x && found[i].y == expected.y) continue;
    const unsigned byte = found[i].x != expected.x ? first_difference(found[i].x, expected.x)
                                                   : 8 + first_difference(found[i].y, expected.y);
    const unsigned long long wrong = std::uint64_t{tile.index} * tiles.grid.page_bytes + at + byte;
    atomicMin(reinterpret_cast<unsigned long long*>(first_wrong), wrong);
  }
}

__global__ void __launch_bounds__(block_threads)
    page_move_kernel(unsigned char* slabs, Tiles tiles, const PageMove* moves) {
  const Tile tile = this_tile(tiles);
  const PageMove move = moves[tile.index];
  const unsigned char* source = page_start(slabs, tiles.grid, move.source);
  unsigned char* destination = page_start(slabs, tiles.grid, move.destination);
  ulonglong2 pieces[pieces_per_thread];
#pragma unroll
  for (unsigned i = 0; i < pieces_per_thread; ++i) {
    const std::uint64_t at = piece_at(tile, i);
    if (at < tiles.grid.page_bytes) pieces[i] = *reinterpret_cast<const ulonglong2*>(source + at);
  }
#pragma unroll
  for (unsigned i = 0; i < pieces_per_thread; ++i) {
    const std::uint64_t at = piece_at(tile, i);
    if (at < tiles.grid.page_bytes) *reinterpret_cast<ulonglong2*>(destination + at) = pieces[i];
  }
}

[[nodiscard]] unsigned tiles_per_page(const PageGrid& grid) {
  return grid.page_bytes / tile_bytes + (grid.page_bytes % tile_bytes != 0 ? 1 : 0);
}

[[nodiscard]] bool usable(const void* slabs, const PageGrid& grid, std::uint32_t count) {
  return slabs != nullptr && reinterpret_cast<std::uintptr_t>(slabs) % piece_bytes == 0 && is_valid(grid) &&
         std::uint64_t{count} * tiles_per_page(grid) <= 0x7fffffffU;
}

[[nodiscard]] LaunchShape tile_blocks(const PageGrid& grid, std::uint32_t count, cudaStream_t stream) {
  return {.grid = dim3(count * tiles_per_page(grid)), .block = dim3(block_threads), .stream = stream};
}

}  // namespace

cudaError_t page_fill(void* slabs, const PageGrid& grid, const std::uint32_t* pages, const std::uint32_t* ids,
                      std::uint32_t count, std::uint64_t seed, cudaStream_t stream) noexcept {
  if (count == 0) return cudaSuccess;
  if (!usable(slabs, grid, count) || pages == nullptr || ids == nullptr) return cudaErrorInvalidValue;
  return launch(page_fill_kernel, tile_blocks(grid, count, stream), static_cast<unsigned char*>(slabs),
                Tiles{grid, tiles_per_page(grid)}, pages, ids, seed);
}

cudaError_t page_verify(const void* slabs, const PageGrid& grid, const std::uint32_t* pages,
                        const std::uint32_t* ids, std::uint32_t count, std::uint64_t seed,
                        std::uint64_t* first_wrong, cudaStream_t stream) noexcept {
  if (first_wrong == nullptr) return cudaErrorInvalidValue;
  if (count != 0 && (!usable(slabs, grid, count) || pages == nullptr || ids == nullptr)) {
    return cudaErrorInvalidValue;
  }
  static_assert(no_wrong_byte == ~std::uint64_t{0}, "what a memset of 0xff gives");
  const cudaError_t reset = cudaMemsetAsync(first_wrong, 0xff, sizeof *first_wrong, stream);
  if (reset != cudaSuccess || count == 0) return reset;
  return launch(page_verify_kernel, tile_blocks(grid, count, stream),
                static_cast<const unsigned char*>(slabs), Tiles{grid, tiles_per_page(grid)}, pages, ids, seed,
                first_wrong);
}

cudaError_t page_move(void* slabs, const PageGrid& grid, const PageMove* moves, std::uint32_t count,
                      cudaStream_t stream) noexcept {
  if (count == 0) return cudaSuccess;
  if (!usable(slabs, grid, count) || moves == nullptr) return cudaErrorInvalidValue;
  return launch(page_move_kernel, tile_blocks(grid, count, stream), static_cast<unsigned char*>(slabs),
                Tiles{grid, tiles_per_page(grid)}, moves);
}

}  // namespace prophet::kernels::cuda
