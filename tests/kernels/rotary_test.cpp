#include "kernels/rotary.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <vector>

#include "tests/kernels/numbers.hpp"

namespace prophet::kernels {
namespace {

using testing::fresh_seed;
using testing::random_floats;

constexpr std::uint32_t positions_max = 50;
constexpr std::uint32_t heads = 3;
constexpr std::uint32_t head_dim = 16;
constexpr std::size_t token_values = heads * head_dim;

double angle(std::size_t position, std::size_t i) {
  return static_cast<double>(position) * std::pow(10000.0, -2.0 * static_cast<double>(i) / head_dim);
}

std::vector<float> rotary_table() {
  std::vector<float> table(positions_max * head_dim);
  for (std::size_t p = 0; p < positions_max; ++p) {
    for (std::size_t i = 0; i < head_dim / 2; ++i) {
      table[p * head_dim + i] = static_cast<float>(std::cos(angle(p, i)));
      table[p * head_dim + head_dim / 2 + i] = static_cast<float>(std::sin(angle(p, i)));
    }
  }
  return table;
}

Rotary call_of(std::vector<float>& values, const std::vector<float>& table,
               const std::vector<std::uint32_t>& positions) {
  return {.values = values.data(),
          .table = table.data(),
          .positions = positions.data(),
          .positions_max = positions_max,
          .tokens = static_cast<std::uint32_t>(positions.size()),
          .heads = heads,
          .head_dim = head_dim};
}

TEST(Rotary, TurnsEveryPairByItsPositionsAngle) {
  Random random(fresh_seed());
  const std::vector<float> table = rotary_table();
  const std::vector<std::uint32_t> positions = {0, 49, 7, 7};
  const std::vector<float> before = random_floats(random, positions.size() * token_values);
  std::vector<float> values = before;
  ASSERT_EQ(rotary(call_of(values, table, positions)), Status::ok);
  for (std::size_t row = 0; row < positions.size() * heads; ++row) {
    for (std::size_t i = 0; i < head_dim / 2; ++i) {
      const std::size_t low = row * head_dim + i;
      const std::size_t high = low + head_dim / 2;
      const std::complex<double> turned =
          std::complex<double>(before[low], before[high]) * std::polar(1.0, angle(positions[row / heads], i));
      EXPECT_NEAR(values[low], turned.real(), 3e-7);
      EXPECT_NEAR(values[high], turned.imag(), 3e-7);
    }
  }
}

TEST(Rotary, ATokenDependsOnNoOtherAndOneBeyondTheTableIsNotANumber) {
  Random random(fresh_seed());
  const std::vector<float> table = rotary_table();
  const std::vector<std::uint32_t> positions = {3, positions_max, 4};
  const std::vector<float> before = random_floats(random, positions.size() * token_values);
  std::vector<float> together = before;
  ASSERT_EQ(rotary(call_of(together, table, positions)), Status::ok);
  for (std::size_t t = 0; t < positions.size(); ++t) {
    const auto begin = before.begin() + static_cast<std::ptrdiff_t>(t * token_values);
    std::vector<float> alone(begin, begin + token_values);
    ASSERT_EQ(rotary(call_of(alone, table, {positions[t]})), Status::ok);
    for (std::size_t i = 0; i < token_values; ++i) {
      if (t == 1) {
        EXPECT_TRUE(std::isnan(together[t * token_values + i]));
      } else {
        EXPECT_EQ(together[t * token_values + i], alone[i]);
      }
    }
  }
}

TEST(Rotary, RefusesShapesAndNullPointersAndWritesNothing) {
  const std::vector<float> table = rotary_table();
  const std::vector<std::uint32_t> positions = {1};
  std::vector<float> values(token_values, 5);
  const Rotary sound = call_of(values, table, positions);
  const auto with = [&](auto change) {
    Rotary call = sound;
    change(call);
    return rotary(call);
  };
  EXPECT_EQ(with([](Rotary& c) { c.heads = 0; }), Status::bad_shape);
  EXPECT_EQ(with([](Rotary& c) { c.head_dim = 0; }), Status::bad_shape);
  EXPECT_EQ(with([](Rotary& c) { c.head_dim = 15; }), Status::bad_shape);
  EXPECT_EQ(with([](Rotary& c) { c.heads = c.head_dim = 1U << 16U; }), Status::bad_shape);
  EXPECT_EQ(with([](Rotary& c) { c.values = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](Rotary& c) { c.table = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](Rotary& c) { c.positions = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](Rotary& c) { c.tokens = 0, c.values = nullptr; }), Status::ok);
  EXPECT_EQ(values, std::vector<float>(token_values, 5));
}

}  // namespace
}  // namespace prophet::kernels
