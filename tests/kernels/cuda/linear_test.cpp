#include "kernels/cuda/linear.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/cuda/formatted.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::FloatFormat;
using kernels::Linear;
using kernels::Weights;
using testing::fresh_seed;
using testing::random_floats;

struct Shape {
  FloatFormat format = FloatFormat::fp32;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::uint32_t tokens = 0;
};

std::uint32_t up_to(Random& random, std::uint64_t most) {
  return static_cast<std::uint32_t>(1 + random.below(most));
}

/// Rows on 16 bytes or not, of a piece or of several tiles, for every number of tokens in a pass and for
/// more.
Shape draw_shape(Random& random) {
  Shape shape{draw_format(random), up_to(random, 70), up_to(random, 400), up_to(random, 19)};
  if (random.chance(0.4)) shape.tokens = up_to(random, 2);
  if (random.chance(0.5)) shape.columns = (shape.columns + 7) / 8 * 8;
  if (random.chance(0.2)) {
    shape.columns += 8 * (500 + up_to(random, 600));
    shape.rows = up_to(random, 5);
  }
  return shape;
}

/// What one product needs, on the host and on the device.
struct Case {
  Case(Random& random, const Shape& shape_, std::size_t weights_distance = 0, std::size_t input_distance = 0)
      : shape(shape_),
        weights(random_floats(random, std::size_t{shape.rows} * shape.columns), shape.format,
                weights_distance),
        bias(random_floats(random, shape.rows), shape.format),
        input(random_floats(random, std::size_t{shape.tokens} * shape.columns)),
        held(random_floats(random, std::size_t{shape.tokens} * shape.rows)),
        device_input(input, input_distance) {}

  [[nodiscard]] Linear call(bool with_bias, bool accumulate) const {
    Linear linear;
    linear.weights = {weights.host(), shape.format, shape.rows, shape.columns};
    linear.bias = with_bias ? bias.host() : nullptr;
    linear.input = input.data();
    linear.tokens = shape.tokens;
    linear.accumulate = accumulate;
    return linear;
  }
  [[nodiscard]] std::vector<float> reference(bool with_bias, bool accumulate) const {
    std::vector<float> output = held;
    Linear linear = call(with_bias, accumulate);
    linear.output = output.data();
    EXPECT_EQ(kernels::linear(linear), kernels::Status::ok);
    return output;
  }
  /// Of `tokens` tokens from `first` on; the rest of the output stays as it was held.
  [[nodiscard]] std::vector<float> on_device(bool with_bias, bool accumulate, std::uint32_t first,
                                             std::uint32_t tokens) const {
    const DeviceArray<float> output(held);
    Linear linear = call(with_bias, accumulate);
    linear.weights.data = weights.device();
    linear.bias = with_bias ? bias.device() : nullptr;
    linear.input = device_input.data() + std::size_t{first} * shape.columns;
    linear.output = output.data() + std::size_t{first} * shape.rows;
    linear.tokens = tokens;
    expect_ok(kernels::cuda::linear(linear, nullptr));
    return output.read();
  }
  [[nodiscard]] std::vector<float> on_device(bool with_bias, bool accumulate) const {
    return on_device(with_bias, accumulate, 0, shape.tokens);
  }

  Shape shape;
  FormattedNumbers weights;
  FormattedNumbers bias;
  std::vector<float> input;
  std::vector<float> held;
  PlacedOnDevice device_input;
};

class CudaLinear : public OnDevice {};

TEST_F(CudaLinear, IsTheReferenceBitForBitAtAnyShape) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 40; ++repetition) {
    const Shape shape = draw_shape(random);
    SCOPED_TRACE(::testing::Message() << shape.tokens << " tokens, " << shape.rows << " x " << shape.columns
                                      << " in format " << static_cast<int>(shape.format));
    const Case one(random, shape, random.below(3) / 2, random.below(3) / 2);
    const bool with_bias = random.chance(0.5);
    const bool accumulate = random.chance(0.5);
    ASSERT_EQ(bits_of(one.on_device(with_bias, accumulate)), bits_of(one.reference(with_bias, accumulate)));
  }
}

TEST_F(CudaLinear, GivesATokenTheSameBitsInAnyBatch) {
  Random random(fresh_seed());
  for (const FloatFormat format : {FloatFormat::fp32, FloatFormat::fp16, FloatFormat::bf16}) {
    const Case all(random, {format, 37, 320, 11});
    const std::vector<float> expected = all.on_device(true, false);
    for (const std::uint32_t tokens : {1U, 2U, 4U, 5U, 8U, 9U}) {
      const auto first = static_cast<std::uint32_t>(random.below(all.shape.tokens - tokens + 1));
      const std::vector<float> some = all.on_device(true, false, first, tokens);
      const auto begin = static_cast<std::ptrdiff_t>(std::size_t{first} * all.shape.rows);
      const auto end = begin + static_cast<std::ptrdiff_t>(std::size_t{tokens} * all.shape.rows);
      EXPECT_TRUE(std::equal(some.begin() + begin, some.begin() + end, expected.begin() + begin))
          << tokens << " tokens from " << first;
      EXPECT_TRUE(std::equal(some.begin(), some.begin() + begin, all.held.begin()));
      EXPECT_TRUE(std::equal(some.begin() + end, some.end(), all.held.begin() + end));
    }
  }
}

TEST_F(CudaLinear, RefusesWhatItCannotDo) {
  const DeviceArray<float> values(64);
  float* const some = values.data();
  const Linear sound{.weights = {some, FloatFormat::fp32, 4, 4}, .input = some, .output = some, .tokens = 1};
  const auto with = [&](auto change) {
    Linear call = sound;
    change(call);
    return kernels::cuda::linear(call, nullptr);
  };
  EXPECT_EQ(with([](Linear& c) { c.weights.columns = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Linear& c) { c.weights.rows = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Linear& c) { c.weights.rows = kernels::weights_dimension_max + 1; }),
            cudaErrorInvalidValue);
  EXPECT_EQ(with([](Linear& c) { c.weights.format = static_cast<FloatFormat>(3); }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Linear& c) { c.weights.data = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Linear& c) { c.input = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Linear& c) { c.output = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([&](Linear& c) { c.weights.data = reinterpret_cast<std::byte*>(some) + 2; }),
            cudaErrorInvalidValue);
  EXPECT_EQ(with([&](Linear& c) { c.bias = reinterpret_cast<std::byte*>(some) + 1; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Linear& c) { c.tokens = 8 * 65535 + 1; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](Linear& c) { c.tokens = 0, c.weights.data = nullptr; }), cudaSuccess);
}

}  // namespace
}  // namespace prophet::kernels_test
