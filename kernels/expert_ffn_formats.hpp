#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/expert_activation.hpp"
#include "kernels/expert_layout.hpp"
#include "kernels/parts.hpp"
#include "kernels/status.hpp"

namespace prophet::kernels {

/// Lanes over which a sum of the expert kernels is spread.
inline constexpr std::uint32_t expert_sum_lanes = 32;

/// One row of a projection times x [columns], its bias added: in the order of operations of the few-token
/// kernel (kernels/cuda/expert_ffn.hpp), all in fp32:
///
///   1. A row is cut into chunks of column_multiple() values; lane l of 32 has chunks l, l + 32, ...
///   2. A lane adds code * x with one rounding (fma), columns ascending. Formats with a scale for some
///   columns
///      begin a new sum in every chunk and add scale * sum to the lane's total with one rounding.
///   3. Lanes are added pairwise: those 16 apart, then 8, 4, 2 and 1.
///   4. fma(total, scale of the row or 1, bias or 0).
///
/// REQUIRES: row < matrix.rows; a row of scales that `columns` of the format divide into chunks.
[[nodiscard]] float expert_dot(const SlabLayout& layout, const MatrixLayout& matrix, const std::byte* slab,
                               std::uint64_t row, const float* x) noexcept;

/// The feed-forward network of one expert over the rows that chose it, for every format and activation:
///
///   x = hidden[rows[i]];  inner[i] = activate(gate * x + bias, up * x + bias);
///   output[i] = down * inner[i] + bias
///
/// hidden [tokens, hidden_size] fp32; output [rows.size(), hidden_size] fp32, written; inner [rows.size(),
/// width] fp32, written; none overlaps another. The activation decides whether `up` is used: bad_shape when
/// the layout is gated and it is not, or the reverse. Products are those of expert_dot(). Nothing is
/// allocated. `runner` computes parts of the inner layer, then of the output.
[[nodiscard]] Status expert_ffn_formats(const SlabLayout& layout, ExpertActivation activation,
                                        const std::byte* slab, const float* hidden, std::uint32_t tokens,
                                        std::span<const std::uint32_t> rows, float* output, float* inner,
                                        PartRunner& runner) noexcept;
/// All on the calling thread.
[[nodiscard]] inline Status expert_ffn_formats(const SlabLayout& layout, ExpertActivation activation,
                                               const std::byte* slab, const float* hidden,
                                               std::uint32_t tokens, std::span<const std::uint32_t> rows,
                                               float* output, float* inner) noexcept {
  OneByOne here;
  return expert_ffn_formats(layout, activation, slab, hidden, tokens, rows, output, inner, here);
}

}  // namespace prophet::kernels
