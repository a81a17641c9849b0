#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kv_pages.hpp"

/// A long context is cut into splits of a fixed number of tokens, each attended by blocks of its own and
/// merged afterwards: what a result is depends on the context, never on the GPU, the batch or the other
/// contexts.
namespace prophet::kernels::cuda {

inline constexpr std::uint32_t split_tokens = 256;
/// Contexts beyond are refused.
inline constexpr std::uint32_t attended_tokens_max = 1U << 28;

/// Splits of the longest of these contexts. window_tokens 0: no window.
[[nodiscard]] constexpr std::uint32_t splits_of(std::uint32_t context_tokens_max,
                                                std::uint32_t window_tokens) noexcept {
  const bool cut = window_tokens != 0 && window_tokens < context_tokens_max;
  const std::uint32_t tokens = cut ? window_tokens : context_tokens_max;
  return tokens / split_tokens + (tokens % split_tokens != 0 ? 1 : 0);
}

/// What the splits leave in the workspace, relative to each split's largest logit.
struct Partials {
  float* values = nullptr;   ///< [sequences, heads, splits, dim]: sum of weight * V
  float* largest = nullptr;  ///< [sequences, heads, splits]: the largest logit
  float* weight = nullptr;   ///< [sequences, heads, splits]: sum of exp(logit - largest)
  std::uint32_t splits = 0;
};

[[nodiscard]] constexpr std::uint64_t partials_bytes(std::uint32_t sequences, std::uint32_t heads,
                                                     std::uint32_t splits, std::uint32_t dim) noexcept {
  return std::uint64_t{4} * sequences * heads * splits * (std::uint64_t{dim} + 2);
}

/// Whether a workspace of `bytes` will do where needed_bytes are.
[[nodiscard]] inline bool is_workspace(const void* workspace, std::uint64_t bytes,
                                       std::uint64_t needed_bytes) noexcept {
  return bytes >= needed_bytes && (needed_bytes == 0 || workspace != nullptr) && is_aligned_16(workspace);
}

/// The parts of a workspace of partials_bytes, aligned to 16 bytes.
[[nodiscard]] Partials cut_workspace(void* workspace, std::uint32_t sequences, std::uint32_t heads,
                                     std::uint32_t splits, std::uint32_t dim) noexcept;

/// Which contexts were cut, and where the merged rows go.
struct MergeCall {
  const std::uint32_t* context_tokens = nullptr;  ///< [sequences]
  std::uint32_t context_tokens_max = 0;
  std::uint32_t window_tokens = 0;  ///< 0: no window
  const float* sinks = nullptr;     ///< [heads] or null
  void* output = nullptr;           ///< [sequences, heads, dim] in output_format
  FloatFormat output_format = FloatFormat::fp32;
  std::uint32_t sequences = 0;
  std::uint32_t heads = 0;
  std::uint32_t dim = 0;
};

/// output = sum over splits of exp(largest - m) values / (sum of exp(largest - m) weight + exp(sink - m)),
/// summed in the order of the splits, with m the largest of all. A context of 0 gives 0; one above
/// context_tokens_max not-a-numbers. Reads only the splits that hold tokens: their bytes, 4 * (dim + 2) each,
/// bound it.
[[nodiscard]] cudaError_t merge_partials(const Partials& partials, const MergeCall& call,
                                         cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
