#include "kernels/cuda/dense.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/dense.hpp"
#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using testing::fresh_seed;
using testing::random_floats;

struct Shape {
  std::uint32_t tokens;
  std::uint64_t rows;
  std::uint32_t width;
};

/// Every tile of tokens, widths with and without 16-byte rows, rows that fold evenly or not.
Shape any_shape(Random& random) {
  Shape shape{};
  shape.tokens = static_cast<std::uint32_t>(1 + random.below(19));
  shape.width = static_cast<std::uint32_t>(1 + random.below(300));
  if (random.chance(0.5)) shape.width = (shape.width + 3) / 4 * 4;
  shape.rows = 1 + random.below(3 * shape.width);
  if (random.chance(0.3)) {  // rows of several steps, few of them
    shape.width += static_cast<std::uint32_t>(256 + 4 * random.below(300));
    shape.rows = 1 + random.below(20);
    if (random.chance(0.7)) shape.tokens = static_cast<std::uint32_t>(1 + random.below(4));
  }
  return shape;
}

struct Inputs {
  Inputs(Random& random, const Shape& shape)
      : hidden(random_floats(random, std::size_t{shape.tokens} * shape.width)),
        weights(random_floats(random, shape.rows * shape.width)) {}
  std::vector<float> hidden;
  std::vector<float> weights;
};

/// The result on the device, whose arrays begin `distance` floats after a boundary of 256 bytes.
std::vector<float> on_device(const Inputs& inputs, const Shape& shape, std::size_t distance) {
  const DeviceArray<float> hidden(inputs.hidden.size() + distance);
  const DeviceArray<float> weights(inputs.weights.size() + distance);
  const DeviceArray<float> workspace(inputs.hidden.size() + distance);
  const auto bytes = [](const std::vector<float>& values) { return values.size() * sizeof(float); };
  float* at = hidden.data() + distance;
  expect_ok(cudaMemcpy(at, inputs.hidden.data(), bytes(inputs.hidden), cudaMemcpyHostToDevice));
  expect_ok(cudaMemcpy(weights.data() + distance, inputs.weights.data(), bytes(inputs.weights),
                       cudaMemcpyHostToDevice));
  expect_ok(kernels::cuda::dense(at, weights.data() + distance, shape.tokens, shape.rows, shape.width,
                                 workspace.data() + distance, nullptr));
  std::vector<float> result(inputs.hidden.size());
  expect_ok(cudaDeviceSynchronize());
  expect_ok(cudaMemcpy(result.data(), at, bytes(result), cudaMemcpyDeviceToHost));
  return result;
}

/// One value of the result, summed in the documented order.
float in_documented_order(const Inputs& inputs, const Shape& shape, std::size_t token, std::size_t column) {
  std::array<float, 32> sums{};
  const float* input = inputs.hidden.data() + token * shape.width;
  for (std::size_t row = column; row < shape.rows; row += shape.width) {
    for (std::size_t i = 0; i < shape.width; ++i) {
      float& sum = sums[i / 4 % 32];
      sum = std::fma(inputs.weights[row * shape.width + i], input[i], sum);
    }
  }
  for (std::size_t step = 16; step != 0; step /= 2) {
    for (std::size_t i = 0; i < step; ++i) sums[i] += sums[i + step];
  }
  return std::fma(static_cast<float>(1 / std::sqrt(static_cast<double>(shape.rows))), sums[0], input[column]);
}

class CudaDense : public OnDevice {};

TEST_F(CudaDense, IsTheReferenceWithinRoundingAtAnyShape) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 25; ++repetition) {
    const Shape shape = any_shape(random);
    SCOPED_TRACE(::testing::Message()
                 << shape.tokens << " tokens, " << shape.rows << " rows, width " << shape.width);
    const Inputs inputs(random, shape);
    std::vector<float> expected = inputs.hidden;
    std::vector<float> workspace(kernels::dense_workspace_floats(shape.tokens, shape.width));
    ASSERT_EQ(kernels::dense(expected.data(), inputs.weights.data(), shape.tokens, shape.rows, shape.width,
                             workspace.data()),
              kernels::Status::ok);
    const std::vector<float> result = on_device(inputs, shape, 0);
    for (std::size_t i = 0; i < result.size(); ++i) {
      ASSERT_NEAR(result[i], expected[i], 1e-5 * (1 + std::abs(expected[i]))) << i;
    }
  }
}

TEST_F(CudaDense, SumsInTheDocumentedOrderWhereverTheArraysLie) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 8; ++repetition) {
    const Shape shape = any_shape(random);
    SCOPED_TRACE(::testing::Message()
                 << shape.tokens << " tokens, " << shape.rows << " rows, width " << shape.width);
    const Inputs inputs(random, shape);
    const std::vector<float> result = on_device(inputs, shape, 0);
    EXPECT_EQ(on_device(inputs, shape, 1), result);
    for (std::size_t i = 0; i < result.size(); ++i) {
      ASSERT_EQ(result[i], in_documented_order(inputs, shape, i / shape.width, i % shape.width)) << i;
    }
  }
}

TEST_F(CudaDense, RefusesWhatItCannotDo) {
  const DeviceArray<float> values(16);
  float* const some = values.data();
  using kernels::cuda::dense;
  EXPECT_EQ(dense(some, some, 1, 1, 0, some, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(dense(some, some, 1, 1, 0x80000000U, some, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(dense(nullptr, some, 1, 1, 4, some, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(dense(some, nullptr, 1, 1, 4, some, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(dense(some, some, 1, 1, 4, nullptr, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(dense(some, some, 8 * 65535 + 1, 1, 4, some, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(dense(some, some, 0xffffffffU, 1, 4, some, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(dense(some, some, 0xffffffffU, 1, 0x7fffffffU, some, nullptr), cudaErrorInvalidValue);
  expect_ok(dense(nullptr, nullptr, 0, 1, 4, nullptr, nullptr));
  expect_ok(dense(nullptr, nullptr, 1, 0, 4, nullptr, nullptr));
}

}  // namespace
}  // namespace prophet::kernels_test
