#include "kernels/checksum.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace prophet::kernels {
namespace {

TEST(Checksum, IsWhatTheFormulaGives) {
  // Computed from the formula with Python's binding of libxxhash.
  const std::pair<std::size_t, std::uint64_t> known[] = {
      {0, 0},
      {1, 0xf8e1f57479f72368ULL},
      {1023, 0xb4c35c8ccbb27cbeULL},
      {1024, 0x2dc5dea0897e401eULL},
      {1025, 0x54ac7ddf843a42fbULL},
      {16384, 0xd2e5f4e3bf45fff7ULL},
      {16385, 0x3560b5ca31b2b39bULL},
      {100000, 0xfa29694e8a5d8f42ULL},
  };
  std::vector<std::byte> bytes(100000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(7 * i + i / 256);
  for (const auto& [size, expected] : known) {
    EXPECT_EQ(checksum(std::span(bytes).first(size)), expected) << size << " bytes";
  }
}

TEST(Checksum, SeesEverySingleBit) {
  std::vector<std::byte> bytes(40000, std::byte{0x5a});
  const std::uint64_t whole = checksum(bytes);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 373) {
    const std::byte mask{static_cast<unsigned char>(1U << (bit % 8))};
    bytes[bit / 8] ^= mask;
    EXPECT_NE(checksum(bytes), whole) << "bit " << bit;
    bytes[bit / 8] ^= mask;
  }
  EXPECT_EQ(checksum(bytes), whole);
}

TEST(Checksum, TellsZerosByTheirNumber) {
  const std::vector<std::byte> zeros(40000);
  std::set<std::uint64_t> seen;
  for (std::size_t size = 0; size <= zeros.size(); size += 100)
    seen.insert(checksum(std::span(zeros).first(size)));
  EXPECT_EQ(seen.size(), 401U);
}

TEST(Checksum, SeesChunksThatChangePlaces) {
  std::vector<std::byte> bytes(3 * checksum_chunk_bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i / checksum_chunk_bytes);
  const std::uint64_t whole = checksum(bytes);
  std::swap_ranges(bytes.begin(), bytes.begin() + checksum_chunk_bytes, bytes.end() - checksum_chunk_bytes);
  EXPECT_NE(checksum(bytes), whole);
}

}  // namespace
}  // namespace prophet::kernels
