#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/expert_activation.hpp"
#include "kernels/expert_layout.hpp"
#include "kernels/router_topk.hpp"

namespace prophet::measure {

/// The shapes of one model at which kernels are measured.
struct KernelShapes {
  std::string name;
  std::uint32_t hidden_size = 0;
  std::uint32_t width = 0;  ///< of an expert
  kernels::RouterRule router;
  bool router_bias = false;
  kernels::ExpertActivation activation = kernels::ExpertActivation::swiglu;
  bool expert_bias = false;
  bool interleaved = false;
  std::vector<kernels::ExpertFormat> formats;  ///< of the experts; the model's own first
  std::uint32_t q_heads = 0;                   ///< of grouped-query attention; 0: it has latent attention
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  bool sinks = false;
  std::uint32_t mla_heads = 0;  ///< of latent attention; 0: it has none
  std::uint32_t tokens = 8;     ///< of a decode step
  std::uint32_t many_tokens = 1024;
  std::uint32_t sequences = 16;
  std::uint32_t context_tokens = 8192;
  std::uint64_t dense_rows = 8192;
  std::uint32_t pages = 256;
  std::uint32_t page_bytes = 256 << 10;
  std::uint64_t slab_bytes = 0;  ///< that checksums read: an expert in its own format
};

/// Names that kernel_shapes() takes: three published models, and "tiny", on which the test vehicle takes
/// seconds.
[[nodiscard]] std::vector<std::string> kernel_shape_names();

/// Throws Error{usage} for another name.
[[nodiscard]] KernelShapes kernel_shapes(std::string_view name);

/// Where every expert of `shapes` in `format` lies in its slab.
[[nodiscard]] kernels::SlabLayout expert_layout(const KernelShapes& shapes, kernels::ExpertFormat format);

}  // namespace prophet::measure
