#include "kernels/checksum.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>

namespace prophet::kernels {
namespace {

/// XXH3's last mixing step (xxHash's specification, "XXH3 final mixing").
constexpr std::uint64_t avalanche(std::uint64_t value) noexcept {
  value ^= value >> 37;
  value *= 0x165667919e3779f9ULL;
  return value ^ (value >> 32);
}

/// XXH3-64 of a chunk that is no multiple of a block, filled up with zeros.
std::uint64_t hash_filled_up(std::span<const std::byte> chunk) noexcept {
  std::array<std::byte, checksum_chunk_bytes> whole;
  const std::size_t size =
      (chunk.size() + checksum_block_bytes - 1) / checksum_block_bytes * checksum_block_bytes;
  const auto end = std::copy(chunk.begin(), chunk.end(), whole.begin());
  std::fill(end, whole.begin() + static_cast<std::ptrdiff_t>(size), std::byte{0});
  return XXH3_64bits(whole.data(), size);
}

std::uint64_t hash(std::span<const std::byte> chunk) noexcept {
  return chunk.size() % checksum_block_bytes == 0 ? XXH3_64bits(chunk.data(), chunk.size())
                                                  : hash_filled_up(chunk);
}

}  // namespace

std::uint64_t checksum(std::span<const std::byte> bytes) noexcept {
  std::uint64_t sum = 0;
  std::uint64_t place = 0;
  for (std::size_t begin = 0; begin < bytes.size(); begin += checksum_chunk_bytes) {
    place += checksum_place_step;
    sum +=
        avalanche(hash(bytes.subspan(begin, std::min(checksum_chunk_bytes, bytes.size() - begin))) + place);
  }
  return avalanche(sum ^ bytes.size());
}

}  // namespace prophet::kernels
