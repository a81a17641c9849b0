#include "kernels/linear.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/expert_ffn_formats.hpp"

namespace prophet::kernels {
namespace {

float dot(const Weights& weights, std::size_t row, const float* x) {
  const std::size_t columns = weights.columns;
  const std::size_t values = 16 / format_bytes(weights.format);
  std::array<float, expert_sum_lanes> lanes{};
  for (std::size_t column = 0; column < columns; ++column) {
    float& lane = lanes[column / values % expert_sum_lanes];
    lane = std::fma(load_as_float(weights.data, row * columns + column, weights.format), x[column], lane);
  }
  for (std::size_t step = expert_sum_lanes / 2; step != 0; step /= 2) {
    for (std::size_t l = 0; l < step; ++l) lanes[l] += lanes[l + step];
  }
  return lanes[0];
}

}  // namespace

Status linear(const Linear& call) noexcept {
  if (!has_shape(call.weights)) return Status::bad_shape;
  if (call.tokens == 0) return Status::ok;
  if (call.weights.data == nullptr || call.input == nullptr || call.output == nullptr)
    return Status::null_pointer;
  const std::size_t rows = call.weights.rows;
  for (std::size_t t = 0; t < call.tokens; ++t) {
    const float* const x = call.input + t * call.weights.columns;
    for (std::size_t r = 0; r < rows; ++r) {
      const float bias = call.bias == nullptr ? 0.0F : load_as_float(call.bias, r, call.weights.format);
      const float sum = dot(call.weights, r, x) + bias;
      float& y = call.output[t * rows + r];
      y = call.accumulate ? y + sum : sum;
    }
  }
  return Status::ok;
}

}  // namespace prophet::kernels
