#include "kernels/mix_experts.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/exact_exp.hpp"
#include "kernels/float_rows.hpp"

namespace prophet::kernels {
namespace {

constexpr std::size_t block_floats = 256;
using Block = std::array<float, block_floats>;

float sigmoid(float x) {
  const float small = exact_exp(-std::abs(x));
  return (x < 0 ? small : 1.0F) / (1.0F + small);
}

Status check(const ExpertMix& call) {
  if (call.hidden_size == 0 || call.slots.size() != std::uint64_t{call.tokens} * call.top_k)
    return Status::bad_shape;
  if (call.shared == nullptr && call.shared_gate != nullptr) return Status::bad_shape;
  if (call.tokens == 0) return Status::ok;
  if (call.hidden == nullptr) return Status::null_pointer;
  if (call.top_k != 0 && (call.outputs == nullptr || call.weights == nullptr)) return Status::null_pointer;
  const auto inside = [&](std::uint32_t slot) { return slot < call.output_rows; };
  return std::all_of(call.slots.begin(), call.slots.end(), inside) ? Status::ok : Status::index_out_of_range;
}

/// Columns begin .. begin + count of token t.
void mix_block(const ExpertMix& call, std::size_t t, float gate, std::size_t begin, std::size_t count) {
  const std::size_t width = call.hidden_size;
  Block sum{};
  for (std::size_t r = t * call.top_k; r < (t + 1) * call.top_k; ++r)
    add_scaled(sum.data(), call.outputs + call.slots[r] * width + begin, call.weights[r], count);
  if (call.shared != nullptr) add_scaled(sum.data(), call.shared + t * width + begin, gate, count);
  float* const hidden = call.hidden + t * width + begin;
  for (std::size_t i = 0; i < count; ++i) hidden[i] += sum[i];
}

}  // namespace

Status mix_experts(const ExpertMix& call) noexcept {
  const Status status = check(call);
  if (status != Status::ok) return status;
  for (std::size_t t = 0; t < call.tokens; ++t) {
    const float gate = call.shared_gate == nullptr ? 1.0F : sigmoid(call.shared_gate[t]);
    for (std::size_t begin = 0; begin < call.hidden_size; begin += block_floats)
      mix_block(call, t, gate, begin, std::min<std::size_t>(block_floats, call.hidden_size - begin));
  }
  return Status::ok;
}

}  // namespace prophet::kernels
