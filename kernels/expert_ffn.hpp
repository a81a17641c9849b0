#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/parts.hpp"
#include "kernels/status.hpp"

namespace prophet::kernels {

/// The matrices of one expert, fp32, row-major. Owns nothing.
struct ExpertMatrices {
  const float* gate = nullptr;  ///< [width, hidden_size]
  const float* up = nullptr;    ///< [width, hidden_size]
  const float* down = nullptr;  ///< [hidden_size, width]
  std::uint64_t width = 0;
  std::uint32_t hidden_size = 0;
};

/// The three matrices as they lie one behind the other in a slab of `slab_bytes`; bytes beyond them are
/// padding. REQUIRES: hidden_size is not 0.
[[nodiscard]] ExpertMatrices expert_matrices(const float* slab, std::uint64_t slab_bytes,
                                             std::uint32_t hidden_size) noexcept;

/// Floats of workspace that expert_ffn() needs for `rows` rows.
[[nodiscard]] constexpr std::size_t expert_workspace_floats(std::size_t rows, std::uint64_t width,
                                                            std::uint32_t hidden_size) noexcept {
  return rows * (std::size_t{hidden_size} + 2 * static_cast<std::size_t>(width));
}

/// SwiGLU feed-forward network (Shazeer, "GLU Variants Improve Transformer", 2020) over the rows that chose
/// this expert:
///
///   x = hidden[rows[i]];  output[i] = down * (silu(gate * x) .* (up * x)),  silu(z) = z / (1 + exp(-z))
///
/// hidden [tokens, hidden_size] fp32; output [rows.size(), hidden_size] fp32, written; workspace
/// [expert_workspace_floats]; none overlaps another. Nothing is allocated. It is computed in parts of the
/// inner layer, then of the output, by `runner`. The result is a function of the values and shapes alone if
/// the slab and the workspace keep their offset from a 64-byte boundary; where hidden and output lie and who
/// computes the parts does not matter.
[[nodiscard]] Status expert_ffn(const ExpertMatrices& expert, const float* hidden, std::uint32_t tokens,
                                std::span<const std::uint32_t> rows, float* output, float* workspace,
                                PartRunner& runner) noexcept;
/// All on the calling thread.
[[nodiscard]] inline Status expert_ffn(const ExpertMatrices& expert, const float* hidden,
                                       std::uint32_t tokens, std::span<const std::uint32_t> rows,
                                       float* output, float* workspace) noexcept {
  OneByOne here;
  return expert_ffn(expert, hidden, tokens, rows, output, workspace, here);
}

}  // namespace prophet::kernels
