#pragma once

#include <cstdint>

/// XXH3-64's algorithm for long inputs (seed 0, default secret), as its public specification gives it, in the
/// pieces that the lanes of a warp compute. Inputs here are whole blocks of 1 KiB: 16 stripes of eight 64-bit
/// words, each word going into one of eight accumulators. What a block adds to them does not depend on what
/// they held before, so blocks are summed at once; only the mixing between blocks has an order.
namespace prophet::kernels::cuda::xxh3 {

constexpr unsigned accumulators = 8;
constexpr unsigned stripes_per_block = 16;
constexpr std::uint64_t prime32_1 = 0x9e3779b1ULL;
constexpr std::uint64_t prime64_1 = 0x9e3779b185ebca87ULL;

/// The default secret as little-endian words, and those of its words that lie at odd places. In global
/// memory, not in the constant bank, because the lanes of a warp read different words.
struct Secret {
  std::uint64_t words[24];       ///< at bytes 0, 8, ...; accumulator i of stripe s takes words[s + i]
  std::uint64_t last_stripe[8];  ///< at byte 121: instead of words[15 + i] in the last stripe of an input
  std::uint64_t merge[8];        ///< at byte 11: for the final merge
};

__device__ const Secret secret = {
    {0xbe4ba423396cfeb8ULL, 0x1cad21f72c81017cULL, 0xdb979083e96dd4deULL, 0x1f67b3b7a4a44072ULL,
     0x78e5c0cc4ee679cbULL, 0x2172ffcc7dd05a82ULL, 0x8e2443f7744608b8ULL, 0x4c263a81e69035e0ULL,
     0xcb00c391bb52283cULL, 0xa32e531b8b65d088ULL, 0x4ef90da297486471ULL, 0xd8acdea946ef1938ULL,
     0x3f349ce33f76faa8ULL, 0x1d4f0bc7c7bbdcf9ULL, 0x3159b4cd4be0518aULL, 0x647378d9c97e9fc8ULL,
     0xc3ebd33483acc5eaULL, 0xeb6313faffa081c5ULL, 0x49daf0b751dd0d17ULL, 0x9e68d429265516d3ULL,
     0xfca1477d58be162bULL, 0xce31d07ad1b8f88fULL, 0x280416958f3acb45ULL, 0x7e404bbbcafbd7afULL},
    {0xea647378d9c97e9fULL, 0xc5c3ebd33483acc5ULL, 0x17eb6313faffa081ULL, 0xd349daf0b751dd0dULL,
     0x2b9e68d429265516ULL, 0x8ffca1477d58be16ULL, 0x45ce31d07ad1b8f8ULL, 0xaf280416958f3acbULL},
    {0x6dd4de1cad21f72cULL, 0xa44072db979083e9ULL, 0xe679cb1f67b3b7a4ULL, 0xd05a8278e5c0cc4eULL,
     0x4608b82172ffcc7dULL, 0x9035e08e2443f774ULL, 0x52283c4c263a81e6ULL, 0x65d088cb00c391bbULL}};

/// What the accumulators hold before the first block.
__device__ const std::uint64_t start[accumulators] = {0x00000000c2b2ae3dULL, prime64_1,
                                                      0xc2b2ae3d27d4eb4fULL, 0x165667b19e3779f9ULL,
                                                      0x85ebca77c2b2ae63ULL, 0x0000000085ebca77ULL,
                                                      0x27d4eb2f165667c5ULL, 0x000000009e3779b1ULL};

/// The product of the halves of a word under its secret.
__device__ inline std::uint64_t product(std::uint64_t word, std::uint64_t secret_word) {
  const std::uint64_t key = word ^ secret_word;
  return (key & 0xffffffffULL) * (key >> 32);
}

/// The mixing of one accumulator between two blocks.
__device__ inline std::uint64_t scramble(std::uint64_t accumulator, std::uint64_t secret_word) {
  return (accumulator ^ (accumulator >> 47) ^ secret_word) * prime32_1;
}

/// The two halves of a 128-bit product, folded.
__device__ inline std::uint64_t fold_product(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide whole = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(whole) ^ static_cast<std::uint64_t>(whole >> 64);
}

__device__ inline std::uint64_t avalanche(std::uint64_t value) {
  value ^= value >> 37;
  value *= 0x165667919e3779f9ULL;
  return value ^ (value >> 32);
}

}  // namespace prophet::kernels::cuda::xxh3
