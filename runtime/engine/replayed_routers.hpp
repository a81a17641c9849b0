#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/device/handles.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/logits_ahead.hpp"
#include "runtime/engine/recorded_logits.hpp"
#include "runtime/engine/workload.hpp"

namespace prophet {

/// Routers of coming layers applied to the present one's input, in a replay. What they say was recorded
/// (RecordedLogits); the device does the work that a live model gives it, on stand-ins of the replayed
/// model's size: a product for each router and one copy of all logits to the host, in front of the host's
/// look at the router. Owns its buffers; the device and the logits must outlive it. One host thread; no
/// allocation after construction.
class ReplayedRouters {
 public:
  /// Routers of at most `ahead_layers` layers are asked. Throws Error{out_of_memory}.
  ReplayedRouters(Device& device, const RecordedLogits& logits, const Workload& workload,
                  std::uint32_t ahead_layers, std::uint32_t tokens_max);

  /// Submits the work of a decode step at `layer` on its input `hidden`, [tokens, hidden_size] fp32; nothing
  /// for a prompt's tokens.
  void launch(LayerId layer, std::span<const StepToken> tokens, BufferView hidden, StreamId compute);
  /// REQUIRES: the host has seen what launch(layer) submitted finish.
  void read(LayerId layer, std::span<const StepToken> tokens) noexcept {
    read_ = logits_.read(layer, tokens, ahead_layers_, room_);
  }
  /// What was read last; valid until the next read().
  [[nodiscard]] LogitsAhead logits() const noexcept { return read_; }

  [[nodiscard]] std::uint64_t device_bytes() const noexcept {
    return weights_.view().size_bytes + outputs_.view().size_bytes;
  }

 private:
  void fill();

  Device& device_;
  const RecordedLogits& logits_;
  std::uint32_t experts_;
  std::uint32_t hidden_size_;
  std::uint32_t ahead_layers_;
  Buffer weights_;           ///< [experts, hidden_size] bf16, in the place of every router's
  Buffer outputs_;           ///< [ahead_layers, tokens, experts] fp32
  Buffer host_outputs_;      ///< as outputs_
  std::vector<float> room_;  ///< as outputs_
  LogitsAhead read_;
};

}  // namespace prophet
