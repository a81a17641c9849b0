#pragma once

#include <cstdint>
#include <span>

#include "kernels/status.hpp"

namespace prophet::kernels {

/// Added to the mean square before its root is taken, so that a row of zeros stays one.
inline constexpr float rms_norm_epsilon = 1e-6F;

/// hidden[t] = rms_norm(hidden[t] + mean over r of outputs[slots[t * top_k + r]]), with
/// rms_norm(x) = x / sqrt(mean of x^2 + rms_norm_epsilon). The experts' outputs are summed in fp32 in the
/// order of r, so that the result does not depend on where they lie; the mean of squares is summed in fp64.
///
/// hidden [tokens, hidden_size] fp32, read and written; outputs [output_rows, hidden_size] fp32; slots
/// [tokens, top_k]. top_k of 0 only normalises. Nothing is allocated.
[[nodiscard]] Status combine(float* hidden, const float* outputs, std::uint64_t output_rows,
                             std::span<const std::uint32_t> slots, std::uint32_t tokens, std::uint32_t top_k,
                             std::uint32_t hidden_size) noexcept;

}  // namespace prophet::kernels
