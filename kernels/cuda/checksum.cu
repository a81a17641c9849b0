#include "kernels/cuda/checksum.hpp"

#include "kernels/checksum.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/xxh3.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned warp_threads = 32;
constexpr unsigned all_lanes = 0xFFFFFFFFU;
constexpr unsigned block_threads = 256;
constexpr unsigned warps = block_threads / warp_threads;
constexpr unsigned piece_bytes = 16;
constexpr unsigned blocks_per_chunk = checksum_chunk_bytes / checksum_block_bytes;
constexpr unsigned blocks_per_warp = blocks_per_chunk / warps;
constexpr unsigned pieces_per_lane = checksum_block_bytes / (warp_threads * piece_bytes);
constexpr unsigned pieces_per_stripe = 4;
constexpr unsigned stripes_per_load = warp_threads / pieces_per_stripe;

/// 16 bytes: two words of a stripe.
struct Piece {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

/// The 16 bytes from `at` on, zeros from `size` on.
__device__ Piece read_piece(const unsigned char* bytes, std::uint64_t at, std::uint64_t size) {
  Piece piece;
  if (at + piece_bytes <= size) {
    const auto whole = *reinterpret_cast<const ulonglong2*>(bytes + at);
    piece.first = whole.x;
    piece.second = whole.y;
    return piece;
  }
#pragma unroll 1
  for (unsigned i = 0; i < piece_bytes && at + i < size; ++i) {
    const std::uint64_t placed = static_cast<std::uint64_t>(bytes[at + i]) << (8 * (i % 8));
    if (i < 8) {
      piece.first |= placed;
    } else {
      piece.second |= placed;
    }
  }
  return piece;
}

/// Writes to where read_piece read from, and no further than `size`.
__device__ void write_piece(const Piece& piece, unsigned char* bytes, std::uint64_t at, std::uint64_t size) {
  if (at + piece_bytes <= size) {
    *reinterpret_cast<ulonglong2*>(bytes + at) = ulonglong2{piece.first, piece.second};
    return;
  }
#pragma unroll 1
  for (unsigned i = 0; i < piece_bytes && at + i < size; ++i) {
    bytes[at + i] = static_cast<unsigned char>((i < 8 ? piece.first : piece.second) >> (8 * (i % 8)));
  }
}

/// Adds to each lane's two accumulators what one piece per lane brings. The lanes' pieces are consecutive,
/// from `first_stripe` on; lane l has words 2 * (l % 4) and the next of stripe first_stripe + l / 4.
__device__ void accumulate(const Piece& piece, unsigned first_stripe, bool last_block,
                           std::uint64_t (&sums)[2]) {
  const unsigned lane = threadIdx.x % warp_threads;
  const unsigned stripe = first_stripe + lane / pieces_per_stripe;
  const unsigned word = 2 * (lane % pieces_per_stripe);
  const bool last = last_block && stripe == xxh3::stripes_per_block - 1;
  const std::uint64_t* keys = last ? xxh3::secret.last_stripe + word : xxh3::secret.words + stripe + word;
  sums[0] += piece.second + xxh3::product(piece.first, keys[0]);
  sums[1] += piece.first + xxh3::product(piece.second, keys[1]);
}

/// What XXH3 block `block` of this chunk adds to the accumulators, into `sums` [accumulators]. One warp.
__device__ void sum_block(const Piece (&pieces)[pieces_per_lane], bool last_block, std::uint64_t* sums) {
  std::uint64_t of_lane[2] = {0, 0};
#pragma unroll
  for (unsigned load = 0; load < pieces_per_lane; ++load) {
    accumulate(pieces[load], load * stripes_per_load, last_block, of_lane);
  }
#pragma unroll
  for (unsigned step = pieces_per_stripe; step != warp_threads; step *= 2) {
    of_lane[0] += __shfl_xor_sync(all_lanes, of_lane[0], step);
    of_lane[1] += __shfl_xor_sync(all_lanes, of_lane[1], step);
  }
  const unsigned lane = threadIdx.x % warp_threads;
  if (lane < pieces_per_stripe) {
    sums[2 * lane] = of_lane[0];
    sums[2 * lane + 1] = of_lane[1];
  }
}

/// XXH3-64 of the chunk, from what its blocks add. One warp, of which every eight lanes do the same.
__device__ std::uint64_t hash_chunk(const std::uint64_t (*sums)[xxh3::accumulators], unsigned blocks) {
  const unsigned i = threadIdx.x % xxh3::accumulators;
  std::uint64_t accumulator = xxh3::start[i];
  for (unsigned block = 0; block + 1 < blocks; ++block) {
    accumulator =
        xxh3::scramble(accumulator + sums[block][i], xxh3::secret.words[xxh3::stripes_per_block + i]);
  }
  accumulator = (accumulator + sums[blocks - 1][i]) ^ xxh3::secret.merge[i];
  std::uint64_t sum = xxh3::fold_product(accumulator, __shfl_xor_sync(all_lanes, accumulator, 1U));
  sum += __shfl_xor_sync(all_lanes, sum, 2U);
  sum += __shfl_xor_sync(all_lanes, sum, 4U);
  return xxh3::avalanche(sum + blocks * checksum_block_bytes * xxh3::prime64_1);
}

/// Adds the part of chunk blockIdx.x to *total; its block does it together. Each warp sums two XXH3 blocks,
/// the first warp chains them. Six blocks on a multiprocessor keep 96 KiB of loads in flight.
template <bool copying>
__device__ void sum_chunk(const unsigned char* bytes, std::uint64_t size, unsigned char* destination,
                          std::uint64_t* total) {
  __shared__ std::uint64_t sums[blocks_per_chunk][xxh3::accumulators];
  const std::uint64_t begin = blockIdx.x * std::uint64_t{checksum_chunk_bytes};
  const std::uint64_t rest = size - begin;
  const unsigned blocks =
      rest >= checksum_chunk_bytes
          ? blocks_per_chunk
          : static_cast<unsigned>((rest + checksum_block_bytes - 1) / checksum_block_bytes);
  const unsigned warp = threadIdx.x / warp_threads;
  const unsigned lane = threadIdx.x % warp_threads;
  const auto place = [&](unsigned b, unsigned load) {
    return begin + (((warp + b * warps) * pieces_per_lane + load) * warp_threads + lane) * piece_bytes;
  };
  // All loads are on their way before the first is used.
  Piece pieces[blocks_per_warp][pieces_per_lane];
#pragma unroll
  for (unsigned b = 0; b < blocks_per_warp; ++b) {
#pragma unroll
    for (unsigned load = 0; load < pieces_per_lane; ++load) {
      pieces[b][load] = read_piece(bytes, place(b, load), size);
    }
  }
#pragma unroll
  for (unsigned b = 0; b < blocks_per_warp; ++b) {
#pragma unroll
    for (unsigned load = 0; copying && load < pieces_per_lane; ++load) {
      write_piece(pieces[b][load], destination, place(b, load), size);
    }
    const unsigned block = warp + b * warps;
    if (block < blocks) sum_block(pieces[b], block + 1 == blocks, sums[block]);
  }
  __syncthreads();
  if (warp != 0) return;
  const std::uint64_t hash = hash_chunk(sums, blocks);
  if (lane != 0) return;
  const std::uint64_t part = xxh3::avalanche(hash + (blockIdx.x + std::uint64_t{1}) * checksum_place_step);
  atomicAdd(reinterpret_cast<unsigned long long*>(total), static_cast<unsigned long long>(part));
}

template <bool copying>
__global__ void __launch_bounds__(block_threads, 6)
    checksum_chunk_kernel(const unsigned char* bytes, std::uint64_t size, unsigned char* destination,
                          std::uint64_t* total) {
  sum_chunk<copying>(bytes, size, destination, total);
}

/// One block a chunk (x) of one listed slab (y).
__global__ void __launch_bounds__(block_threads, 6)
    checksum_list_chunk_kernel(SlabList list, std::uint64_t size, std::uint64_t* totals) {
  const unsigned at = blockIdx.y;
  if (at >= *list.count || list.slabs[at] == nullptr) return;
  sum_chunk<false>(static_cast<const unsigned char*>(list.slabs[at]), size, nullptr, totals + at);
}

/// One thread: makes the checksum of the sum of all chunks.
__global__ void __launch_bounds__(1) checksum_finish_kernel(std::uint64_t* total, std::uint64_t size) {
  *total = xxh3::avalanche(*total ^ size);
}

/// Ends the checksum in *total and compares it.
__device__ void compare(std::uint64_t* total, std::uint64_t size, std::uint64_t expected, std::uint64_t tag,
                        VerifyReport* report) {
  const std::uint64_t found = xxh3::avalanche(*total ^ size);
  *total = found;
  if (found == expected || atomicCAS(&report->claimed, 0U, 1U) != 0) return;
  report->tag = tag;
  report->expected = expected;
  report->found = found;
  __threadfence_system();
  *static_cast<volatile std::uint32_t*>(&report->written) = 1;
}

/// One thread: as checksum_finish_kernel, and compares.
__global__ void __launch_bounds__(1)
    checksum_compare_kernel(std::uint64_t* total, std::uint64_t size, std::uint64_t expected,
                            std::uint64_t tag, VerifyReport* report) {
  compare(total, size, expected, tag, report);
}

/// One thread a listed slab.
__global__ void __launch_bounds__(block_threads)
    checksum_list_compare_kernel(SlabList list, std::uint64_t size, const std::uint64_t* expected,
                                 std::uint64_t first_tag, std::uint64_t* totals, VerifyReport* report) {
  const unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= *list.count || at >= list.count_max || list.slabs[at] == nullptr) return;
  const std::uint32_t expert = list.experts[at];
  compare(totals + at, size, expected[expert], first_tag + expert, report);
}

/// What CUDA allows of a grid: blocks in x, and in y.
constexpr std::uint64_t chunks_max = 0x7fffffffU;
constexpr std::uint32_t list_slabs_max = 65535;

[[nodiscard]] constexpr std::uint64_t chunks_of(std::uint64_t size) noexcept {
  return size / checksum_chunk_bytes + (size % checksum_chunk_bytes != 0 ? 1 : 0);
}

[[nodiscard]] bool usable(const void* pointer, std::uint64_t size) {
  return size == 0 || (pointer != nullptr && reinterpret_cast<std::uintptr_t>(pointer) % piece_bytes == 0);
}

/// Submits all but the last step: the parts of all chunks, summed in *total.
template <bool copying>
[[nodiscard]] cudaError_t sum_chunks(const void* bytes, std::uint64_t size, void* destination,
                                     std::uint64_t* total, cudaStream_t stream) {
  const std::uint64_t chunks = chunks_of(size);
  if (total == nullptr || !usable(bytes, size) || chunks > chunks_max) return cudaErrorInvalidValue;
  if (copying && !usable(destination, size)) return cudaErrorInvalidValue;
  const cudaError_t zeroed = cudaMemsetAsync(total, 0, sizeof *total, stream);
  if (zeroed != cudaSuccess || chunks == 0) return zeroed;
  const LaunchShape shape{
      .grid = dim3(static_cast<unsigned>(chunks)), .block = dim3(block_threads), .stream = stream};
  return launch(checksum_chunk_kernel<copying>, shape, static_cast<const unsigned char*>(bytes), size,
                static_cast<unsigned char*>(destination), total);
}

[[nodiscard]] LaunchShape one_thread(cudaStream_t stream) {
  return {.grid = dim3(1), .block = dim3(1), .stream = stream};
}

}  // namespace

cudaError_t checksum(const void* bytes, std::uint64_t size, std::uint64_t* result,
                     cudaStream_t stream) noexcept {
  const cudaError_t summed = sum_chunks<false>(bytes, size, nullptr, result, stream);
  return summed != cudaSuccess ? summed : launch(checksum_finish_kernel, one_thread(stream), result, size);
}

cudaError_t verify(const void* bytes, std::uint64_t size, std::uint64_t expected, std::uint64_t tag,
                   std::uint64_t* sum, VerifyReport* report, cudaStream_t stream) noexcept {
  if (report == nullptr) return cudaErrorInvalidValue;
  const cudaError_t summed = sum_chunks<false>(bytes, size, nullptr, sum, stream);
  if (summed != cudaSuccess) return summed;
  return launch(checksum_compare_kernel, one_thread(stream), sum, size, expected, tag, report);
}

cudaError_t verify_list(const SlabList& list, std::uint64_t size, const std::uint64_t* expected,
                        std::uint64_t first_tag, std::uint64_t* sums, VerifyReport* report,
                        cudaStream_t stream) noexcept {
  const std::uint64_t chunks = chunks_of(size);
  if (list.count == nullptr || list.slabs == nullptr || list.experts == nullptr || expected == nullptr ||
      sums == nullptr || report == nullptr || chunks > chunks_max || list.count_max > list_slabs_max)
    return cudaErrorInvalidValue;
  if (list.count_max == 0) return cudaSuccess;
  const cudaError_t zeroed = cudaMemsetAsync(sums, 0, sizeof *sums * std::size_t{list.count_max}, stream);
  if (zeroed != cudaSuccess) return zeroed;
  if (chunks != 0) {
    const LaunchShape shape{.grid = dim3(static_cast<unsigned>(chunks), list.count_max),
                            .block = dim3(block_threads),
                            .stream = stream};
    const cudaError_t summed = launch(checksum_list_chunk_kernel, shape, list, size, sums);
    if (summed != cudaSuccess) return summed;
  }
  const LaunchShape shape{.grid = dim3((list.count_max + block_threads - 1) / block_threads),
                          .block = dim3(block_threads),
                          .stream = stream};
  return launch(checksum_list_compare_kernel, shape, list, size, expected, first_tag, sums, report);
}

cudaError_t copy_with_checksum(void* destination, const void* source, std::uint64_t size,
                               std::uint64_t* result, cudaStream_t stream) noexcept {
  const cudaError_t summed = sum_chunks<true>(source, size, destination, result, stream);
  return summed != cudaSuccess ? summed : launch(checksum_finish_kernel, one_thread(stream), result, size);
}

}  // namespace prophet::kernels::cuda
