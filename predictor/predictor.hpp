#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "prophet/expert_grid.hpp"
#include "prophet/ids.hpp"

namespace prophet {

/// Guesses which experts coming layers will want. A guess is a hint: it may cost time, never a result.
///
/// The engine calls, per step and for each layer in order: observe() for every running lane with what the
/// router of that layer chose, then forecast() for the layers to come. None but the oracle knows more than
/// what was observed. One thread. No allocation after construction.
class Predictor {
 public:
  virtual ~Predictor() = default;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// The lane starts another sequence: its context is forgotten.
  virtual void start_lane(LaneId lane) = 0;

  /// The router's choice [top_k] of `lane` at `layer`.
  virtual void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) = 0;

  /// How many layers ahead it wants to be told what routers say of a hidden state; 0: it needs none of that.
  [[nodiscard]] virtual std::uint32_t wants_ahead() const noexcept { return 0; }

  /// Logits [experts] that the router of `target`, `made_at` or a later layer of the same step, gives for the
  /// input that the router of `made_at` had from `lane`. Called behind observe() of that layer, in decode
  /// steps, where the source of the routing is a live model, or a trace with hidden states and routers.
  virtual void observe_ahead(LaneId /*lane*/, LayerId /*made_at*/, LayerId /*target*/,
                             std::span<const float> /*logits*/) {}

  /// Every running lane has been observed at `made_at`, and the forecast for `target` will be asked for
  /// later: one that runs on a device starts it now.
  virtual void prepare(LayerId /*made_at*/, LayerId /*target*/) {}

  /// Fills probability [experts]: the chance that `target` wants each expert for at least one running lane,
  /// the next time that `target` runs. `made_at` is the layer just observed; a target at or before it belongs
  /// to the next step. Lanes are combined as independent: 1 - product of (1 - p).
  /// Returns false, and leaves `probability` alone, when it has nothing to say.
  [[nodiscard]] virtual bool forecast(LayerId made_at, LayerId target, std::span<float> probability) = 0;

  /// What it holds in device memory.
  [[nodiscard]] virtual std::uint64_t device_bytes() const noexcept { return 0; }
};

}  // namespace prophet
