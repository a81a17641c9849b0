#include "kernels/combine.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace prophet::kernels {
namespace {

constexpr std::size_t block_floats = 64;

/// row[begin .. begin + count) += mean of the slots' outputs there.
void add_mean(float* row, const float* outputs, std::span<const std::uint32_t> slots, std::size_t hidden_size,
              std::size_t begin, std::size_t count) {
  std::array<float, block_floats> sum{};
  for (const std::uint32_t slot : slots) {
    const float* output = outputs + slot * hidden_size + begin;
    for (std::size_t i = 0; i < count; ++i) sum[i] += output[i];
  }
  const auto top_k = static_cast<float>(slots.size());
  for (std::size_t i = 0; i < count; ++i) row[begin + i] += sum[i] / top_k;
}

void rms_norm(float* row, std::size_t hidden_size) {
  double squares = 0;
  for (std::size_t i = 0; i < hidden_size; ++i) squares += static_cast<double>(row[i]) * row[i];
  const double mean = squares / static_cast<double>(hidden_size);
  const auto scale = static_cast<float>(1.0 / std::sqrt(mean + rms_norm_epsilon));
  for (std::size_t i = 0; i < hidden_size; ++i) row[i] *= scale;
}

}  // namespace

Status combine(float* hidden, const float* outputs, std::uint64_t output_rows,
               std::span<const std::uint32_t> slots, std::uint32_t tokens, std::uint32_t top_k,
               std::uint32_t hidden_size) noexcept {
  if (hidden_size == 0 || slots.size() != std::uint64_t{tokens} * top_k) return Status::bad_shape;
  if (tokens == 0) return Status::ok;
  if (hidden == nullptr || (outputs == nullptr && top_k != 0)) return Status::null_pointer;
  const auto inside = [&](std::uint32_t slot) { return slot < output_rows; };
  if (!std::all_of(slots.begin(), slots.end(), inside)) return Status::index_out_of_range;
  const std::size_t width = hidden_size;
  for (std::size_t t = 0; t < tokens; ++t) {
    float* row = hidden + t * width;
    const auto chosen = slots.subspan(t * top_k, top_k);
    for (std::size_t begin = 0; top_k != 0 && begin < width; begin += block_floats) {
      add_mean(row, outputs, chosen, width, begin, std::min(block_floats, width - begin));
    }
    rms_norm(row, width);
  }
  return Status::ok;
}

}  // namespace prophet::kernels
