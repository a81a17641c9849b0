#include "kernels/checksum.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace prophet::kernels {
namespace {

TEST(Checksum, IsXxh3OfTheBytes) {
  EXPECT_EQ(checksum({}), 0x2d06800538d394c2ULL);  // XXH3-64 of nothing, as xxHash's specification gives it
}

TEST(Checksum, SeesEverySingleBit) {
  std::vector<std::byte> bytes(1000, std::byte{0x5a});
  const std::uint64_t whole = checksum(bytes);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 37) {
    const std::byte mask{static_cast<unsigned char>(1U << (bit % 8))};
    bytes[bit / 8] ^= mask;
    EXPECT_NE(checksum(bytes), whole) << "bit " << bit;
    bytes[bit / 8] ^= mask;
  }
  EXPECT_EQ(checksum(bytes), whole);
}

}  // namespace
}  // namespace prophet::kernels
