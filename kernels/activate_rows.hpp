#pragma once

#include <cstdint>

#include "kernels/expert_activation.hpp"
#include "kernels/status.hpp"

namespace prophet::kernels {

/// gate[i] = activate(activation, gate[i], up[i]): between the products of shared experts and dense layers.
struct ActivatedRows {
  float* gate = nullptr;      ///< [values], read and written
  const float* up = nullptr;  ///< [values]; null beside an activation that is_gated() denies
  ExpertActivation activation = ExpertActivation::swiglu;
  std::uint64_t values = 0;
};

/// The reference. Nothing is allocated. bad_shape for an unknown activation, null_pointer for any that is
/// null and needed unless there are no values.
[[nodiscard]] Status activate_rows(const ActivatedRows& call) noexcept;

}  // namespace prophet::kernels
