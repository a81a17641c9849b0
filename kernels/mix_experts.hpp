#pragma once

#include <cstdint>
#include <span>

#include "kernels/status.hpp"

namespace prophet::kernels {

/// What the experts of a layer give to the residual stream, with the router's weights:
///
///   hidden[t] += sum over r of weights[t, r] * outputs[slots[t * top_k + r]]  +  gate[t] * shared[t]
///   gate[t] = sigmoid(shared_gate[t]), or 1 without shared_gate
///
/// In fp32: the sum begins at 0, each product is added with one rounding (fma), r ascending and the shared
/// expert's last; then it is added to hidden. So the result does not depend on where outputs lie, nor on the
/// order in which experts arrived. sigmoid(x) = (x < 0 ? e : 1) / (1 + e) with e = exact_exp(-|x|), which has
/// the same bits on every device.
struct ExpertMix {
  float* hidden = nullptr;         ///< [tokens, hidden_size], read and written
  const float* outputs = nullptr;  ///< [output_rows, hidden_size]
  std::uint64_t output_rows = 0;
  const float* weights = nullptr;        ///< [tokens, top_k]
  std::span<const std::uint32_t> slots;  ///< [tokens, top_k], each below output_rows
  const float* shared = nullptr;         ///< [tokens, hidden_size], or null
  const float* shared_gate = nullptr;    ///< [tokens], or null; only beside `shared`
  std::uint32_t tokens = 0;
  std::uint32_t top_k = 0;  ///< 0: the shared expert alone
  std::uint32_t hidden_size = 0;
};

/// The reference; hidden overlaps nothing else. Nothing is allocated. bad_shape for hidden_size 0, another
/// number of slots than tokens * top_k or a gate without what it is for; null_pointer; index_out_of_range for
/// a slot that outputs has not.
[[nodiscard]] Status mix_experts(const ExpertMix& call) noexcept;

}  // namespace prophet::kernels
