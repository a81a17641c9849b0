#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "runtime/device/handles.hpp"
#include "runtime/engine/replayed_routers.hpp"
#include "runtime/engine/step_model.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// A recorded trace in the place of a router, and stand-ins of a model's size in the place of what is always
/// resident: the weights of each layer are read once, and hidden states pass through the experts. Owns its
/// buffers; the device and the trace must outlive it.
class ReplayedModel final : public StepModel {
 public:
  /// Allocates everything and, on a device with bytes, fills weights and activations from `seed`.
  /// Throws Error{out_of_memory} when the device cannot hold it; then nothing stays allocated.
  ReplayedModel(Device& device, const RoutingTrace& trace, const Workload& workload, std::uint32_t tokens_max,
                std::uint64_t seed);

  /// Decode steps of at most `lanes` tokens apply the routers of the next `ahead_layers` layers to each
  /// layer's input: what they say is in `logits`, which must outlive the model. Before the first step. Throws
  /// Error{out_of_memory}.
  void apply_routers_ahead(const RecordedLogits& logits, std::uint32_t ahead_layers, std::uint32_t lanes);

  [[nodiscard]] const Workload& workload() const noexcept override { return workload_; }
  void begin(std::span<const StepToken>, StreamId) override {}
  void launch_dense(LayerId layer, std::span<const StepToken> tokens, StreamId compute) override;
  void read_routing(LayerId layer, std::span<const StepToken> tokens, std::span<ExpertId> chosen) override;
  [[nodiscard]] LogitsAhead logits_ahead(LayerId layer, std::uint32_t tokens) override;
  [[nodiscard]] ExpertOp expert(std::uint32_t tokens, std::uint32_t first_output,
                                std::uint32_t rows) const override;
  void launch_combine(LayerId layer, std::span<const std::uint32_t> slots, std::uint32_t tokens,
                      StreamId compute) override;
  void end(std::span<const StepToken> tokens, StreamId compute) override;
  [[nodiscard]] std::uint64_t outputs_checksum(std::uint32_t tokens) override;
  [[nodiscard]] std::uint64_t device_bytes() const noexcept override;
  /// The always-resident weights of all layers.
  [[nodiscard]] BufferView resident_weights() const noexcept { return dense_.view(); }
  [[nodiscard]] std::unique_ptr<CapturedSteps> captured_steps(Device& device, const HostStore& store,
                                                              const SlabMemory& slabs, std::uint32_t tokens,
                                                              bool verify) override;

 private:
  void fill(std::uint64_t seed);
  /// [rows, hidden_size] of one layer.
  [[nodiscard]] BufferView dense(LayerId layer) const noexcept {
    return dense_.view().slice(layer.value * dense_stride_bytes_, dense_bytes_);
  }
  /// [tokens, hidden_size] fp32.
  [[nodiscard]] BufferView hidden(std::uint32_t tokens) const noexcept {
    return hidden_.view().slice(0, tokens * row_bytes_);
  }
  /// [rows, hidden_size] fp32 of experts' outputs, from row `first`.
  [[nodiscard]] BufferView outputs(std::uint32_t first, std::uint32_t rows) const noexcept {
    return outputs_.view().slice(first * row_bytes_, rows * row_bytes_);
  }
  /// Host copy of the hidden states: what a step's outputs are read into.
  [[nodiscard]] BufferView host_hidden(std::uint32_t tokens) const noexcept {
    return host_hidden_.view().slice(0, tokens * row_bytes_);
  }

  Device& device_;
  const RoutingTrace& trace_;
  Workload workload_;
  std::uint64_t row_bytes_;
  std::uint64_t dense_bytes_;
  std::uint64_t dense_stride_bytes_;
  Buffer dense_;
  Buffer lookup_;  ///< held, since the model holds it; a replay reads nothing of it
  Buffer hidden_;
  Buffer outputs_;
  Buffer host_hidden_;
  std::unique_ptr<ReplayedRouters> routers_ahead_;  ///< null: none are applied
};

}  // namespace prophet
