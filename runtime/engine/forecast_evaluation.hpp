#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "predictor/forecast_tally.hpp"
#include "predictor/predictor.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/layer_requests.hpp"
#include "runtime/engine/live/routing_sink.hpp"
#include "runtime/engine/recorded_logits.hpp"
#include "runtime/engine/resident_experts.hpp"

namespace prophet {

/// What is asked of every predictor.
struct EvaluationPlan {
  std::vector<std::uint32_t> ahead{1};   ///< layers; each at least 1 and at most the grid's
  std::vector<std::uint32_t> coverages;  ///< see ForecastTally
  /// Where the source applies routers: is told of each layer's own router on its own input and forecasts that
  /// layer, with no staleness at all. Must outlive the evaluation.
  Predictor* router_control = nullptr;
};

/// Scores predictors side by side on the routing that passes by, copying nothing for what they say. It calls
/// them as the engine does: a layer's pending forecasts are scored, what it chose is observed, the cache
/// takes what it wants, and only then forecasts are made for the layers to come. They are made and scored in
/// decode steps; prefill passes are observed and drop what is pending. A target behind the last layer belongs
/// to the next step.
///
/// The predictors and the experts must outlive it. One thread.
class ForecastEvaluation final : public RoutingSink {
 public:
  /// tokens_max: of one pass. Throws Error{usage} for a plan out of its bounds.
  ForecastEvaluation(EvaluationPlan plan, std::uint32_t top_k, std::uint32_t tokens_max,
                     std::span<Predictor* const> predictors, ResidentExperts& resident);

  /// Layers of a pass come in order, passes one behind the other.
  void on_layer(const RoutedLayer& routed) override;
  [[nodiscard]] bool wants_weights() const override { return false; }

  /// Forecasts of predictor `p` for `target`, made plan.ahead[a] layers before it.
  [[nodiscard]] const ForecastTally& tally(std::size_t p, std::size_t a, LayerId target) const noexcept {
    return tallies_[(p * plan_.ahead.size() + a) * grid_.layers + target.index()];
  }
  /// All targets that were forecast from the same step, or from the step before.
  [[nodiscard]] ForecastTally within_step(std::size_t p, std::size_t a) const;
  [[nodiscard]] ForecastTally into_next_step(std::size_t p, std::size_t a) const;
  /// Of the router control; nothing is counted where there is none.
  [[nodiscard]] const ForecastTally& control(LayerId layer) const noexcept {
    return controls_[layer.index()];
  }
  [[nodiscard]] ForecastTally control() const;
  [[nodiscard]] std::uint64_t decode_steps() const noexcept { return decode_steps_; }
  [[nodiscard]] std::uint64_t decode_tokens() const noexcept { return decode_tokens_; }

 private:
  /// A forecast that waits for its layer.
  struct Pending {
    static constexpr std::uint64_t none = ~std::uint64_t{0};
    std::uint64_t layer_run = none;    ///< of the layer that it is for
    std::vector<NamedExpert> experts;  ///< [experts]
  };

  [[nodiscard]] Pending& pending(std::size_t p, std::size_t a, std::uint64_t layer_run) noexcept {
    const std::size_t lane = p * plan_.ahead.size() + a;
    return pending_[lane * ahead_max_ + layer_run % plan_.ahead[a]];
  }
  void begin_pass(const RoutedLayer& routed);
  void score(LayerId layer);
  void observe(const RoutedLayer& routed);
  void score_control(const RoutedLayer& routed);
  void forecast(LayerId made_at);
  void find_resident(LayerId target);
  void write_forecast(std::vector<NamedExpert>& experts) const;
  void mark_wanted(std::uint8_t mark);
  [[nodiscard]] ForecastTally sum(std::size_t p, std::size_t a, std::uint32_t first, std::uint32_t end) const;

  EvaluationPlan plan_;
  ResidentExperts& resident_;
  ExpertGrid grid_;
  std::uint32_t ahead_max_;
  std::vector<Predictor*> predictors_;
  LayerRequests requests_;
  std::vector<Pending> pending_;           ///< [predictors, ahead, ahead_max]
  std::vector<ForecastTally> tallies_;     ///< [predictors, ahead, layers]
  std::vector<ForecastTally> controls_;    ///< [layers]
  std::vector<NamedExpert> own_;           ///< [experts] the control's forecast
  std::vector<float> probability_;         ///< [experts]
  std::vector<std::uint8_t> is_wanted_;    ///< [experts] by the layer at hand
  std::vector<std::uint8_t> is_resident_;  ///< [experts] of the target at hand
  std::uint64_t layer_run_ = 0;            ///< layers run so far, over all passes
  std::uint64_t decode_steps_ = 0;
  std::uint64_t decode_tokens_ = 0;
};

/// Shows the evaluation every pass of a schedule, and what `routers` say of its decode steps; null: nothing
/// is known. `progress` is told of the decode steps done now and then; may be empty.
void evaluate_trace(const RoutingTrace& trace, BatchSchedule schedule, const RecordedLogits* routers,
                    ForecastEvaluation& evaluation,
                    const std::function<void(std::uint64_t steps_done)>& progress);

}  // namespace prophet
