#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace prophet::kernels {

inline constexpr std::size_t checksum_chunk_bytes = std::size_t{16} << 10;
/// The last chunk is filled up with zeros to a multiple of this: a block of XXH3.
inline constexpr std::size_t checksum_block_bytes = 1024;
/// Odd. Tells the chunks apart by their place.
inline constexpr std::uint64_t checksum_place_step = 0x9e3779b97f4a7c15ULL;

/// 64-bit checksum of a slab's bytes, in a form that a GPU computes at the speed of its memory: the bytes are
/// cut into chunks of 16 KiB (the last one filled up with zeros to a multiple of 1 KiB), h[i] is XXH3-64 of
/// chunk i with seed 0 (libxxhash here), and the chunks are folded by a sum that needs no order but knows
/// each chunk's place:
///
///   avalanche((sum over i of avalanche(h[i] + (i + 1) * checksum_place_step)) xor size)
///
/// with size in bytes, avalanche being that of XXH3, and all arithmetic modulo 2^64. Of no bytes it is 0. The
/// size tells the zeros that fill up a chunk from zeros that were given. Not cryptographic; not XXH3 of the
/// whole.
[[nodiscard]] std::uint64_t checksum(std::span<const std::byte> bytes) noexcept;

}  // namespace prophet::kernels
