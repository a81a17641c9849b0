#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/engine/host_routers.hpp"
#include "runtime/engine/logits_ahead.hpp"
#include "runtime/trace/hidden_states.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Which routers are applied to what a trace's routers had as input.
struct RecordedLogitsOptions {
  std::uint32_t ahead_layers = 1;  ///< those of the next so many layers
  bool of_itself = false;          ///< and the layer's own
  /// The sidecar's first token is this row of the trace: a training trace may stand in front.
  std::uint64_t first_row = 0;
};

/// What routers of coming layers say of each layer's recorded input, for the decode tokens of some sequences:
/// what a live model tells its predictors, for a replay. The logits of layer l follow from the input of layer
/// l's own router and from nothing else.
///
/// Computed at construction, since logits are smaller than the states that they come from (experts a router
/// against hidden values), and a step of a replay is to cost what it costs on its device, and not what the
/// host takes for products. A value; const access is thread-safe.
class RecordedLogits {
 public:
  RecordedLogits() = default;
  /// Reads `hidden` once, from the front, holding one frame of it. `sequences` are of `trace`. Throws
  /// Error{bad_input} when trace, sidecar and routers are not of one shape, or when the routers do not choose
  /// what the trace says that they chose; Error{out_of_memory} beyond limits::recorded_bytes_max.
  RecordedLogits(HiddenStatesReader& hidden, const HostRouters& routers, const RoutingTrace& trace,
                 std::span<const SequenceId> sequences, const RecordedLogitsOptions& options);

  [[nodiscard]] std::uint32_t ahead_layers() const noexcept { return ahead_layers_; }
  /// Whether the row is a decode token whose routers are known.
  [[nodiscard]] bool has(std::uint64_t row) const noexcept {
    return row < slots_.size() && slots_[row] != none;
  }
  /// Of so many routers logits are known at this layer: fewer at the last ones.
  [[nodiscard]] std::uint32_t routers(LayerId layer) const noexcept {
    return static_cast<std::uint32_t>(first_router_[layer.index() + 1] - first_router_[layer.index()]);
  }
  /// Copies those of the first `asked` routers into `room`, [routers, tokens, experts], and returns them as a
  /// live model does; nothing for tokens that are not known, a prompt's say. REQUIRES: room for them.
  [[nodiscard]] LogitsAhead read(LayerId layer, std::span<const StepToken> tokens, std::uint32_t asked,
                                 std::span<float> room) const noexcept;

  /// Tokens whose logits are known.
  [[nodiscard]] std::uint64_t tokens() const noexcept { return tokens_; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return logits_.size() * sizeof(float); }
  /// Of the choices looked at, the share that the routers make on the recorded inputs: 1 for inputs recorded
  /// as fp32, and nearly so for rounded ones.
  [[nodiscard]] double agreement() const noexcept { return agreement_; }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  void place(const RoutingTrace& trace, std::span<const SequenceId> sequences,
             const RecordedLogitsOptions& options);
  [[nodiscard]] std::span<float> of(std::uint32_t slot, LayerId layer, std::uint32_t router) noexcept {
    return std::span(logits_).subspan(at(slot, layer, router), experts_);
  }
  [[nodiscard]] std::size_t at(std::uint32_t slot, LayerId layer, std::uint32_t router) const noexcept {
    return (std::size_t{slot} * first_router_.back() + first_router_[layer.index()] + router) * experts_;
  }

  std::uint32_t experts_ = 0;
  std::uint32_t ahead_layers_ = 0;
  std::uint32_t first_ = 1;                ///< how many layers ahead the first router stands
  std::vector<std::size_t> first_router_;  ///< [layers + 1] routers of a token in front of the layer's
  std::vector<std::uint32_t> slots_;       ///< [rows] place among the tokens that are known
  std::vector<float> logits_;              ///< [tokens, routers of all layers, experts]
  std::uint64_t tokens_ = 0;
  double agreement_ = 1;

  friend class RouterPass;
};

}  // namespace prophet
