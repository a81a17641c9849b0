#include "kernels/rotary.hpp"

#include <algorithm>
#include <limits>

#include "kernels/float_rows.hpp"

namespace prophet::kernels {
Status rotary(const Rotary& call) noexcept {
  if (!has_shape(call)) return Status::bad_shape;
  if (call.tokens == 0) return Status::ok;
  if (call.values == nullptr || call.table == nullptr || call.positions == nullptr)
    return Status::null_pointer;
  const std::size_t head_dim = call.head_dim;
  const std::size_t half = head_dim / 2;
  const std::size_t token_values = call.heads * head_dim;
  for (std::size_t t = 0; t < call.tokens; ++t) {
    float* const values = call.values + t * token_values;
    if (call.positions[t] >= call.positions_max) {
      std::fill_n(values, token_values, std::numeric_limits<float>::quiet_NaN());
      continue;
    }
    const float* const cosines = call.table + call.positions[t] * head_dim;
    for (std::size_t head = 0; head < call.heads; ++head)
      turn_pairs(values + head * head_dim, values + head * head_dim + half, cosines, cosines + half, half);
  }
  return Status::ok;
}

}  // namespace prophet::kernels
