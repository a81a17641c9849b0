#pragma once

#include "bench/cuda/case_memory.hpp"
#include "bench/measure/kernel_shapes.hpp"
#include "kernels/cuda/expert_ffn.hpp"
#include "runtime/device/cuda/blas_handle.hpp"

namespace prophet::measure {

/// Experts of one layout with as many rows each, over hidden states in bf16.
struct ExpertCase {
  kernels::SlabLayout layout;
  kernels::ExpertActivation activation = kernels::ExpertActivation::swiglu;
  std::uint32_t experts = 1;
  std::uint32_t rows = 1;  ///< of each expert
};

/// expert_ffn: the few-token kernels for one expert.
[[nodiscard]] Launch prepare_expert(CaseMemory& memory, const ExpertCase& what);
/// expert_ffn_list: the same for all experts of the case at once.
[[nodiscard]] Launch prepare_expert_list(CaseMemory& memory, const ExpertCase& what);
/// expert_ffn_blas: the many-token way for all of them. The handle is of the stream that is launched to, and
/// outlives the launch.
[[nodiscard]] Launch prepare_expert_blas(CaseMemory& memory, const ExpertCase& what, cuda::BlasHandle& blas);

/// Where the slabs lie, all of them in one allocation.
[[nodiscard]] std::vector<const void*> draw_slabs(CaseMemory& memory, const ExpertCase& what);

}  // namespace prophet::measure
