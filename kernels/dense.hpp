#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/status.hpp"

namespace prophet::kernels {

/// Floats of workspace that dense() needs.
[[nodiscard]] constexpr std::size_t dense_workspace_floats(std::uint32_t tokens,
                                                           std::uint32_t hidden_size) noexcept {
  return std::size_t{tokens} * hidden_size;
}

/// A stand-in for the always-resident part of one layer: it reads every weight once, as attention projections
/// and shared experts do, and needs no more of a model than their bytes. With p = hidden * weights^T
/// [tokens, rows], folded back onto the hidden width,
///
///   hidden[t, j] += (sum over r with r mod hidden_size == j of p[t, r]) / sqrt(rows)
///
/// so that for weights of about unit size the update is of the size of the input's norm over
/// sqrt(hidden_size) at any number of rows. No rows: nothing happens.
///
/// hidden [tokens, hidden_size] fp32, read and written; weights [rows, hidden_size] fp32; workspace
/// [dense_workspace_floats] must overlap neither. Nothing is allocated. The result is a function of the
/// values and shapes alone if the pointers keep their offset from a 64-byte boundary.
[[nodiscard]] Status dense(float* hidden, const float* weights, std::uint32_t tokens, std::uint64_t rows,
                           std::uint32_t hidden_size, float* workspace) noexcept;

}  // namespace prophet::kernels
