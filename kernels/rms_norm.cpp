#include "kernels/rms_norm.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/float_rows.hpp"

namespace prophet::kernels {
namespace {

constexpr std::size_t block_floats = 256;

double sum_of_squares(const float* row, std::size_t columns) {
  std::array<double, norm_sum_lanes> lanes{};
  for (std::size_t first = 0; first < columns; first += norm_sum_lanes) {
    for (std::size_t l = 0; l < norm_sum_lanes && first + l < columns; ++l) {
      const double value = row[first + l];
      lanes[l] += value * value;
    }
  }
  for (std::size_t step = norm_sum_lanes / 2; step != 0; step /= 2) {
    for (std::size_t l = 0; l < step; ++l) lanes[l] += lanes[l + step];
  }
  return lanes[0];
}

void scale_block(const RmsNorm& call, std::size_t first, std::size_t count, const float* input, float* output,
                 float scale) {
  std::array<float, block_floats> weight;
  load_row(call.weight, first, call.format, count, weight.data());
  for (std::size_t i = 0; i < count; ++i) output[i] = weight[i] * (input[i] * scale);
}

}  // namespace

Status rms_norm(const RmsNorm& call) noexcept {
  if (!has_shape(call)) return Status::bad_shape;
  if (call.rows == 0) return Status::ok;
  if (call.input == nullptr || call.output == nullptr || call.weight == nullptr) return Status::null_pointer;
  const std::size_t columns = call.columns;
  for (std::size_t r = 0; r < call.rows; ++r) {
    const float* const input = call.input + r * columns;
    float* const output = call.output + r * columns;
    const double mean = sum_of_squares(input, columns) / static_cast<double>(columns);
    const auto scale = static_cast<float>(1.0 / std::sqrt(mean + double{call.epsilon}));
    for (std::size_t first = 0; first < columns; first += block_floats)
      scale_block(call, first, std::min(block_floats, columns - first), input + first, output + first, scale);
  }
  return Status::ok;
}

}  // namespace prophet::kernels
