#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "kernels/cuda/checksum.hpp"
#include "kernels/expert_layout.hpp"
#include "kernels/resolve.hpp"
#include "runtime/device/cuda/device_memory.hpp"
#include "runtime/device/cuda/graph.hpp"
#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

/// What a captured step reads and writes, all in device memory at addresses that outlive it.
struct StepGraphPlan {
  std::uint32_t layers = 0;
  std::uint32_t experts = 0;  ///< of a layer
  std::uint32_t top_k = 0;
  std::uint32_t tokens = 0;
  std::uint32_t hidden_size = 0;
  const std::byte* dense = nullptr;  ///< of layer 0: [dense_rows, hidden_size] fp32
  std::uint64_t dense_stride_bytes = 0;
  std::uint64_t dense_rows = 0;
  const std::byte* slabs = nullptr;  ///< of slab 0
  std::uint64_t slab_stride_bytes = 0;
  std::uint32_t slab_count = 0;
  kernels::SlabLayout layout;              ///< of each slab: fp32, gated
  const std::uint32_t* slab_of = nullptr;  ///< [layers, experts]: an ExpertTable
  const std::uint32_t* choices = nullptr;  ///< [layers, tokens, top_k]: the router's, distinct in a token
  float* hidden = nullptr;                 ///< [tokens, hidden_size]
  float* outputs = nullptr;                ///< [tokens * top_k, hidden_size]
  /// [layers, experts]: what each expert's slab is verified against, the first `verified_bytes` of it; null:
  /// nothing is verified. A wrong one is reported with the expert's index in the model.
  const std::uint64_t* checksums = nullptr;
  std::uint64_t verified_bytes = 0;
  kernels::cuda::VerifyReport* report = nullptr;
};

/// Where a step that met a missing expert stands: the layer's dense part has run, its experts have not.
struct GraphMiss {
  std::uint32_t layer = 0;
  std::span<const std::uint32_t> experts;  ///< of the layer, ascending; valid until the next launch
};

/// One decode step in which every expert is resident, captured once as a graph and replayed with whatever the
/// router chose: for each layer dense part, resolve, where asked the check of its slabs, the few-token expert
/// kernels and combine. Nothing of the routing is in the graph; kernels read choices and the table when they
/// run.
///
/// A miss leaves the graph: the layer's resolve leaves the condition closed behind which its experts, its
/// combine and the dense part of the next layer stand; conditions of later layers are closed at every start
/// and only opened by the layer before. So nothing runs behind a miss, `hidden` is what the layer's dense
/// part left, and the host goes on from there, uncaptured.
///
/// Thread safety: none; belongs to the thread that calls the device. One step at a time.
class StepGraph {
 public:
  /// Captures the graph. Throws Error{usage} for a model without layers or beyond resolve's limits.
  StepGraph(const StepGraphPlan& plan, Status& status);

  /// Submits one step to the stream. REQUIRES: the one before has finished.
  void launch(cudaStream_t stream);
  /// What the step met; none: it ran to its end. REQUIRES: it has finished. Throws Error{check_failed} for a
  /// choice of an expert that the model has not, and for a layer that the graph left out without a miss.
  [[nodiscard]] std::optional<GraphMiss> missing() const;

 private:
  void capture();
  void open_layer(std::uint32_t layer, cudaGraphConditionalHandle condition, cudaStream_t stream);
  void verify_slabs(std::uint32_t layer, cudaStream_t stream);
  void close_layer(cudaStream_t stream);
  [[nodiscard]] kernels::ResolvedExperts resolved() const noexcept;
  [[nodiscard]] std::uint64_t choices_in_layer() const noexcept {
    return std::uint64_t{plan_.tokens} * plan_.top_k;
  }

  StepGraphPlan plan_;
  Status& status_;
  MappedMemory reports_;    // [layers] ResolveReport
  DeviceMemory lists_;      // uint32: count, missing, experts, first_row, rows, slots
  DeviceMemory slab_list_;  // [distinct] pointers
  DeviceMemory sums_;       // [distinct]: of what is verified
  DeviceMemory workspace_;
  std::unique_ptr<OwnedGraph> graph_;
};

}  // namespace prophet::cuda
