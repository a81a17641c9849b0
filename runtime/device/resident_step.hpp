#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "prophet/expert_grid.hpp"
#include "prophet/ids.hpp"
#include "runtime/device/device.hpp"

namespace prophet {

/// What a resident step computes with. Owns nothing; all buffers must outlive the step.
struct ResidentStepPlan {
  ExpertGrid grid;
  std::uint32_t top_k = 0;
  std::uint32_t tokens = 0;  ///< of every step
  std::uint32_t hidden_size = 0;
  BufferView dense;  ///< all layers: layer l's weights are dense_bytes from l * dense_stride_bytes on
  std::uint64_t dense_bytes = 0;
  std::uint64_t dense_stride_bytes = 0;
  BufferView slabs;  ///< all slabs: slab s holds an expert of expert_bytes from s * slab_stride_bytes on
  std::uint64_t expert_bytes = 0;
  std::uint64_t slab_stride_bytes = 0;
  std::uint32_t slab_count = 0;
  BufferView hidden;   ///< [tokens, hidden_size] fp32
  BufferView outputs;  ///< [tokens * top_k, hidden_size] fp32, overwritten
  /// [layers * experts] kernels::checksum of what each expert's slab must hold when the step reads it; empty:
  /// not verified. Read while the step is made.
  std::span<const std::uint64_t> checksums;
};

/// Where a step that met a missing expert stands: the layer's dense part has run, its experts have not, and
/// nothing behind it.
struct MissingExperts {
  LayerId layer;
  std::span<const std::uint32_t> experts;  ///< of the layer, ascending; valid until the next launch
};

/// A decode step that runs on the device from its first layer to its last, or to the first layer that chooses
/// an expert without a slab: the host is asked nothing in between and learns only what is missing. The same
/// operations in the same order as launched one by one, so that outputs have the same bits.
///
/// Which expert lies where is a table on the device that follows set_slab() and clear_slab(); what the router
/// chose is read when the step runs. One host thread, the device's. The device must outlive it.
class ResidentStep {
 public:
  virtual ~ResidentStep() = default;

  /// What the router will choose, [layers, tokens, top_k], distinct in a token: a replay writes it in place
  /// of a router. No layer's choices are read before its dense part has run. REQUIRES: no launch is
  /// unfinished.
  [[nodiscard]] virtual std::span<std::uint32_t> choices() noexcept = 0;

  /// From the next launch on `expert` is in `slab`, whose copy has completed, or in none. REQUIRES: no launch
  /// is unfinished.
  /// Throws Error{usage} for an expert or a slab that there is not.
  virtual void set_slab(ExpertIndex expert, SlabId slab) = 0;
  virtual void clear_slab(ExpertIndex expert) = 0;

  /// Submits one step to the stream. REQUIRES: the one before has finished. Errors as Device::launch; a slab
  /// that does not hold what it should ends in Error{check_failed} at the next call that synchronises.
  virtual void launch(StreamId compute) = 0;

  /// What the latest launch met; none: it ran to its end. REQUIRES: it has finished. Throws
  /// Error{check_failed} for a choice of an expert that the model has not.
  [[nodiscard]] virtual std::optional<MissingExperts> missing() = 0;
};

}  // namespace prophet
