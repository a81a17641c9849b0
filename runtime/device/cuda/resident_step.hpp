#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "runtime/device/cuda/device_memory.hpp"
#include "runtime/device/cuda/expert_table.hpp"
#include "runtime/device/cuda/memory_table.hpp"
#include "runtime/device/cuda/slab_alarm.hpp"
#include "runtime/device/cuda/status.hpp"
#include "runtime/device/cuda/step_graph.hpp"
#include "runtime/device/cuda/stream_table.hpp"
#include "runtime/device/resident_step.hpp"

namespace prophet::cuda {

/// What a resident step shares with the device that it belongs to; all of it outlives the step.
struct DeviceParts {
  const MemoryTable& memory;
  StreamTable& streams;
  const SlabAlarm& alarm;
  Status& status;
  int ordinal = 0;
};

/// Whether the few-token kernels and resolve serve such a step, so that it can be captured.
[[nodiscard]] bool can_be_captured(const ResidentStepPlan& plan) noexcept;

/// A resident step as a captured graph, with the table of experts and the router's choices beside it.
class GraphedResidentStep final : public ResidentStep {
 public:
  /// Captures. REQUIRES: can_be_captured(plan). Throws Error{usage} for views that are not valid or do not
  /// hold what the plan says.
  GraphedResidentStep(const ResidentStepPlan& plan, const DeviceParts& parts);

  [[nodiscard]] std::span<std::uint32_t> choices() noexcept override;
  void set_slab(ExpertIndex expert, SlabId slab) override;
  void clear_slab(ExpertIndex expert) override;
  void launch(StreamId compute) override;
  [[nodiscard]] std::optional<MissingExperts> missing() override;

 private:
  [[nodiscard]] std::uint64_t choices_bytes() const noexcept;
  [[nodiscard]] StepGraphPlan graph_plan() const;
  void upload_checksums(std::span<const std::uint64_t> checksums);
  void check_expert(ExpertIndex expert) const;

  ResidentStepPlan plan_;
  DeviceParts parts_;
  ExpertTable table_;
  MappedMemory own_choices_;  // [layers, tokens, top_k]: what the host writes
  DeviceMemory choices_;      // the same, where resolve reads it
  DeviceMemory checksums_;    // [layers * experts], empty: nothing is verified
  StepGraph graph_;
};

}  // namespace prophet::cuda
