#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/cuda/bench_gpu.hpp"
#include "bench/cuda/case_memory.hpp"
#include "bench/measure/kernel_shapes.hpp"
#include "bench/measure/kernel_work.hpp"
#include "runtime/device/cuda/blas_handle.hpp"

namespace prophet::measure {

/// One launcher at one shape: what it moves and does is known before there is memory for it.
struct KernelPlan {
  std::string kernel;
  std::string detail;
  ShapeNumbers shape;
  Work work;
  /// Makes what the launch reads and writes; it lives as long as `memory`.
  std::function<Launch(CaseMemory& memory)> prepare;
};

/// Each adds the plans of some launchers of kernels/cuda/ at the shapes of one model; together they plan all.
void plan_slab_kernels(const KernelShapes& shapes, std::vector<KernelPlan>& plans);
void plan_routing_kernels(const KernelShapes& shapes, std::vector<KernelPlan>& plans);
void plan_model_kernels(const KernelShapes& shapes, std::vector<KernelPlan>& plans);
void plan_predictor_kernels(const KernelShapes& shapes, std::vector<KernelPlan>& plans);
void plan_attention_kernels(const KernelShapes& shapes, std::vector<KernelPlan>& plans);
void plan_expert_kernels(const KernelShapes& shapes, cuda::BlasHandle& blas, std::vector<KernelPlan>& plans);

}  // namespace prophet::measure
