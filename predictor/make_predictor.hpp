#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "predictor/mlp/ahead_choices.hpp"
#include "predictor/mlp/mlp_model.hpp"
#include "predictor/predictor.hpp"
#include "runtime/device/device.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// What a replay will want, for the oracle: for each layer of each pass, in execution order, the distinct
/// experts. Views; must outlive the predictor.
struct FutureRequests {
  std::span<const std::uint64_t> offsets;  ///< [groups + 1]
  std::span<const ExpertIndex> experts;    ///< concatenated groups
};

/// Where a learned predictor's nets run. The forecasts are the same.
enum class ForecastOn : std::uint8_t {
  automatic,  ///< on the host, but for a cuda device, whose streams run beside each other
  host,
  device,
};

/// "auto", "host" or "device". Throws Error{usage} for another word.
[[nodiscard]] ForecastOn parse_forecast_on(std::string_view name);

struct PredictorOptions {
  ExpertGrid grid;
  std::uint32_t top_k = 0;
  std::uint32_t lanes = 1;
  const RoutingTrace* trace = nullptr;   ///< where the training sequences are
  std::span<const SequenceId> training;  ///< sequences to learn from; none of them is replayed
  const AheadChoices* training_ahead =
      nullptr;            ///< of trace's rows, for `mlp` to learn from; null: not known
  FutureRequests future;  ///< for `oracle` only
  /// For `gate-ahead`, and an `mlp` that has learned to hear them: how many layers ahead the source applies
  /// routers; 0: it has no hidden states.
  std::uint32_t ahead_layers = 0;
  /// For `mlp` only: what it has learned; null: it learns from the training sequences first.
  std::shared_ptr<const MlpModel> mlp;
  Device* device = nullptr;                        ///< of the run; null: there is none
  ForecastOn forecast_on = ForecastOn::automatic;  ///< of `mlp`
  float adapt_rate = 0;                            ///< of `mlp`; see MlpOptions
};

[[nodiscard]] std::vector<std::string> predictor_names();

/// Whether the predictor learns from training sequences before it runs.
[[nodiscard]] bool predictor_needs_training(std::string_view name);

/// Whether it learns for minutes, unless a file says what it has learned.
[[nodiscard]] bool predictor_learns_long(std::string_view name);

/// Whether it has nets, which ForecastOn places.
[[nodiscard]] bool predictor_has_nets(std::string_view name);

/// Whether the predictor needs routers and their inputs: a live model's, or recorded ones.
[[nodiscard]] bool predictor_needs_routers(std::string_view name);

/// Null for "none". Throws Error{usage} for an unknown name (listing the known ones), and when the predictor
/// needs something that `options` lacks.
[[nodiscard]] std::unique_ptr<Predictor> make_predictor(std::string_view name,
                                                        const PredictorOptions& options);

}  // namespace prophet
