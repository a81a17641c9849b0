#pragma once

#include <cstdint>
#include <span>

#include "prophet/ids.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/logits_ahead.hpp"

namespace prophet {

/// What one layer of a live step decided. Views, valid during the call.
struct RoutedLayer {
  LayerId layer;
  StepKind kind = StepKind::decode;
  std::span<const StepToken> tokens;
  std::span<const ExpertId> chosen;  ///< [tokens, top_k] by rank
  std::span<const float> weights;    ///< [tokens, top_k]; empty unless wanted
  std::span<const float> hidden;     ///< [tokens, hidden_size], the router's input; empty unless asked for
  LogitsAhead ahead;                 ///< of the same input; empty unless asked for
};

/// Told of every layer that a live model routes, when the host has seen its router finish. May allocate: a
/// recording is no measurement.
class RoutingSink {
 public:
  virtual ~RoutingSink() = default;
  virtual void on_layer(const RoutedLayer& routed) = 0;
  /// Whether RoutedLayer::weights are to be copied from the device for it; else they are empty.
  [[nodiscard]] virtual bool wants_weights() const { return true; }
};

}  // namespace prophet
