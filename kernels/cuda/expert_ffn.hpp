#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "kernels/expert_activation.hpp"
#include "kernels/expert_layout.hpp"
#include "kernels/kv_float.hpp"

/// The expert feed-forward network for few tokens: kernels of our own, bound by the bandwidth of memory.
///
/// Operations are those of kernels/expert_ffn_formats.hpp in their order, so that a sum has its reference's
/// bits wherever no product falls below fp32's smallest normal number; of the activations' functions (exp,
/// tanh, erf) CUDA and the host have their own last bits.
///
/// What a call moves and does, for an expert with r rows, w = 2 (gated) or 1 projections into the inner layer
/// and s bytes of slab, n = hidden_size * width values a projection:
///   from memory      s once for every 8 rows; 4 * r * (2 * hidden_size + width) for activations
///   from L2          the r rows of the source once for every 16 (gated) or 32 rows of a projection
///   operations       2 * r * (w + 1) * n and, once for every 8 rows, at most 3 * (w + 1) * n to decode
///   time at least    the larger of bytes / memory rate and operations / fp32 rate: few_token_weight_s() in
///                    kernels/expert_crossover.hpp. Bound by memory at 1 row in every format on A100 and
///                    H100.
///
/// Two launches: into the inner layer with the activation, and out of it. Nothing is allocated, and no launch
/// depends on anything that the host knows of routing, so a captured graph may replay both.
namespace prophet::kernels::cuda {

/// One expert in device memory. Owns nothing. `data` on 16 bytes; of an fp32 layout on 4, which costs the
/// 16-byte loads, as rows do that are not a multiple of 16 bytes.
struct ExpertSlab {
  const void* data = nullptr;
  SlabLayout layout{};
  ExpertActivation activation = ExpertActivation::swiglu;
};

/// Rows of hidden states [tokens, hidden_size] in device memory.
struct HiddenRows {
  const void* data = nullptr;
  FloatFormat format = FloatFormat::fp32;
};

/// The experts of a layer as a resolve kernel lists them, all in device memory and read in stream order when
/// the kernels run. An expert whose slab is null is left out: its rows of the output stay as they were.
struct ExpertList {
  const void* const* slabs = nullptr;        ///< [*count]
  const std::uint32_t* first_row = nullptr;  ///< [*count + 1], ascending: where an expert's rows begin
  const std::uint32_t* rows = nullptr;       ///< [first_row[*count]], each a row of hidden
  const std::uint32_t* count = nullptr;      ///< [1]
  std::uint32_t count_max = 0;               ///< experts beyond it are not computed
  std::uint32_t rows_of_one_max = 0;         ///< the most rows of one expert: 1 has a kernel of its own
  bool slabs_on_16_bytes = true;             ///< false: fp32 slabs of which some may begin on 4 bytes only
};

/// Bytes of workspace for `rows` rows of all experts together: the inner layer [rows, width] fp32.
[[nodiscard]] std::size_t expert_ffn_workspace_bytes(const SlabLayout& layout, std::size_t rows) noexcept;

/// output[i] = the network of `expert` at hidden[rows[i]], i < row_count.
///
/// rows [row_count] and output [row_count, hidden_size] fp32 in device memory; workspace on 16 bytes.
/// REQUIRES: every row is one of hidden. No rows: nothing is launched. cudaErrorInvalidValue for a null
/// pointer, an empty layout, a misaligned slab or workspace, or an activation that is gated where the layout
/// is not or the reverse.
[[nodiscard]] cudaError_t expert_ffn(const ExpertSlab& expert, const HiddenRows& hidden,
                                     const std::uint32_t* rows, std::uint32_t row_count, float* output,
                                     void* workspace, cudaStream_t stream) noexcept;

/// The same for every expert of a list, all of one layout: output[i] for i < first_row[*count]. The grid is
/// that of count_max experts. cudaErrorInvalidValue as above, and for a count_max beyond 65,535.
[[nodiscard]] cudaError_t expert_ffn_list(const SlabLayout& layout, ExpertActivation activation,
                                          const ExpertList& experts, const HiddenRows& hidden, float* output,
                                          void* workspace, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
