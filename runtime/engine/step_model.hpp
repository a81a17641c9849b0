#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "prophet/ids.hpp"
#include "runtime/device/device.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/captured_steps.hpp"
#include "runtime/engine/logits_ahead.hpp"
#include "runtime/engine/slab_memory.hpp"
#include "runtime/engine/workload.hpp"
#include "runtime/transfer/host_store.hpp"

namespace prophet {

/// What a step computes around its routed experts, and where its routing comes from: a trace with stand-ins
/// of a model's size (ReplayedModel), or a model that decides by itself (LiveModel).
///
/// One host thread, the device's. Everything is submitted to the compute stream that the caller names, in the
/// order of the calls: begin, then for each layer launch_dense, read_routing, launch_beside, the experts and
/// launch_combine, then end. `tokens` are the same in all calls of one step. No allocation after the first
/// steps.
class StepModel {
 public:
  virtual ~StepModel() = default;

  [[nodiscard]] virtual const Workload& workload() const noexcept = 0;

  /// What stands before the first layer.
  virtual void begin(std::span<const StepToken> tokens, StreamId compute) = 0;
  /// What is always resident of the layer, up to the router's choice. `layer` counts layers with experts;
  /// layers without any run with the next one that has some, or with end().
  virtual void launch_dense(LayerId layer, std::span<const StepToken> tokens, StreamId compute) = 0;
  /// The router's choice, [tokens, top_k] by rank, into `chosen`. REQUIRES: the host has seen what
  /// launch_dense(layer) submitted finish. Throws Error{check_failed} for a choice that no router makes.
  virtual void read_routing(LayerId layer, std::span<const StepToken> tokens, std::span<ExpertId> chosen) = 0;
  /// What routers of coming layers say of the same router's input; empty where the model was not asked or has
  /// none. Valid until the next layer. REQUIRES: as read_routing().
  [[nodiscard]] virtual LogitsAhead logits_ahead(LayerId layer, std::uint32_t tokens);
  /// What the layer computes beside its routed experts, a shared expert say: submitted behind the copies of
  /// the missing ones, so that it runs while they are on their way.
  virtual void launch_beside(LayerId layer, std::uint32_t tokens, StreamId compute);
  /// An expert's operation on `rows` rows of a step of `tokens`, whose outputs begin at row `first_output`;
  /// without slab, source, rows and checksum, which the caller knows.
  [[nodiscard]] virtual ExpertOp expert(std::uint32_t tokens, std::uint32_t first_output,
                                        std::uint32_t rows) const = 0;
  /// Brings the outputs of the layer's experts into the hidden states. slots [tokens, top_k]: see CombineOp;
  /// they stay valid until the operation has finished.
  virtual void launch_combine(LayerId layer, std::span<const std::uint32_t> slots, std::uint32_t tokens,
                              StreamId compute) = 0;
  /// What stands behind the last layer, and the copy of the step's outputs to the host.
  virtual void end(std::span<const StepToken> tokens, StreamId compute) = 0;

  /// Of the step's outputs, for a digest of all steps; 0 on a device without bytes. REQUIRES: the host has
  /// seen the step finish.
  [[nodiscard]] virtual std::uint64_t outputs_checksum(std::uint32_t tokens) = 0;
  /// What it holds in device memory: all but the slabs.
  [[nodiscard]] virtual std::uint64_t device_bytes() const noexcept = 0;

  /// Steps of `tokens` tokens that the device runs by itself; null where there are none. What is given must
  /// outlive them, and so must this model.
  [[nodiscard]] virtual std::unique_ptr<CapturedSteps> captured_steps(Device& device, const HostStore& store,
                                                                      const SlabMemory& slabs,
                                                                      std::uint32_t tokens, bool verify);
};

}  // namespace prophet
