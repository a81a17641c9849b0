#include "kernels/rotary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace prophet::kernels {
namespace {

void turn(float* x, const float* cosines, const float* sines, std::size_t half) {
  for (std::size_t i = 0; i < half; ++i) {
    const float low = x[i];
    const float high = x[half + i];
    x[i] = std::fma(low, cosines[i], -(high * sines[i]));
    x[half + i] = std::fma(high, cosines[i], low * sines[i]);
  }
}

}  // namespace

Status rotary(const Rotary& call) noexcept {
  if (!has_shape(call)) return Status::bad_shape;
  if (call.tokens == 0) return Status::ok;
  if (call.values == nullptr || call.table == nullptr || call.positions == nullptr)
    return Status::null_pointer;
  const std::size_t head_dim = call.head_dim;
  const std::size_t token_values = call.heads * head_dim;
  for (std::size_t t = 0; t < call.tokens; ++t) {
    float* const values = call.values + t * token_values;
    if (call.positions[t] >= call.positions_max) {
      std::fill_n(values, token_values, std::numeric_limits<float>::quiet_NaN());
      continue;
    }
    const float* const cosines = call.table + call.positions[t] * head_dim;
    for (std::size_t head = 0; head < call.heads; ++head)
      turn(values + head * head_dim, cosines, cosines + head_dim / 2, head_dim / 2);
  }
  return Status::ok;
}

}  // namespace prophet::kernels
