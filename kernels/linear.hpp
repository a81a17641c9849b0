#pragma once

#include <cstdint>

#include "kernels/status.hpp"
#include "kernels/weights.hpp"

namespace prophet::kernels {

/// output[t] = (accumulate ? output[t] : 0) + weights * input[t] + bias: the projections of attention, the
/// router, the output head, shared experts and dense layers.
///
/// Each product is in the order of expert_dot() in kernels/expert_ffn_formats.hpp, all in fp32, so that it
/// has the same bits on every device and depends on its own row and token alone:
///
///   1. A row is cut into chunks of 16 bytes (4 values of fp32, 8 of 16 bits; the last may be shorter); lane
///   l
///      of 32 has chunks l, l + 32, ...
///   2. A lane adds weight * x with one rounding (fma), columns ascending.
///   3. Lanes are added pairwise: those 16 apart, then 8, 4, 2 and 1.
///   4. The bias, or 0, is added; then, if it is to be kept, what the output held.
struct Linear {
  Weights weights;
  const void* bias = nullptr;    ///< [weights.rows] in weights.format, or null
  const float* input = nullptr;  ///< [tokens, weights.columns]
  float* output = nullptr;       ///< [tokens, weights.rows], overlaps nothing that is read
  std::uint32_t tokens = 0;
  bool accumulate = false;
};

/// The reference. Nothing is allocated. bad_shape for weights that has_shape() denies, null_pointer for any
/// but the bias that is null unless there are no tokens.
[[nodiscard]] Status linear(const Linear& call) noexcept;

}  // namespace prophet::kernels
