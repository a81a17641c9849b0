#pragma once

#include <cstdint>

#include "prophet/expert_grid.hpp"
#include "runtime/model/model_shape.hpp"

namespace prophet {

/// The sizes that a replay works with: a real model's, or those divided by a stated factor where real bytes
/// must fit this machine.
struct Workload {
  ExpertGrid grid;
  std::uint32_t top_k = 0;
  std::uint32_t hidden_size = 0;
  std::uint64_t expert_bytes = 0;           ///< one expert in a slab
  std::uint64_t dense_bytes_per_layer = 0;  ///< always-resident weights that one layer reads
  std::uint64_t lookup_bytes = 0;           ///< always resident too, but a step reads one row of them a token
  std::uint64_t expert_flops_per_token = 0;
  std::uint64_t dense_flops_per_token = 0;
  double scale = 1.0;  ///< real expert bytes / expert_bytes
};

/// The model at its real size. Always-resident weights that a step reads are spread evenly over the MoE
/// layers; untied input embeddings take memory only.
[[nodiscard]] Workload real_workload(const ModelShape& model, Dtype expert_dtype);

/// The same with experts of at most `expert_bytes_max`, as fp32 matrices [width, 128] for devices with bytes.
/// Dense weights shrink by the same factor, embeddings are left out. Throws Error{usage} when that leaves
/// less than one row.
[[nodiscard]] Workload scaled_workload(const Workload& real, std::uint64_t expert_bytes_max);

/// Matrices of `rows` expert rows exactly: for calibration and tests that choose their own sizes.
[[nodiscard]] Workload custom_workload(ExpertGrid grid, std::uint32_t top_k, std::uint64_t expert_bytes,
                                       std::uint64_t dense_bytes_per_layer);

}  // namespace prophet
