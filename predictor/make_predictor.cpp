#include "predictor/make_predictor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "predictor/gate_ahead_predictor.hpp"
#include "predictor/history_predictor.hpp"
#include "predictor/mlp/mlp_predictor.hpp"
#include "predictor/mlp/train_mlp.hpp"
#include "predictor/oracle_predictor.hpp"
#include "predictor/previous_token_predictor.hpp"
#include "predictor/static_predictor.hpp"
#include "predictor/training_set.hpp"
#include "predictor/transition_predictor.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

using Made = std::unique_ptr<Predictor>;

Made make_none(std::string_view, const PredictorOptions&) {
  return nullptr;
}

template <class Learner>
Made make_learner(std::string_view name, const PredictorOptions& options) {
  return std::make_unique<Learner>(TrainingSet(name, options), options.lanes);
}

Made make_previous_token(std::string_view, const PredictorOptions& options) {
  return std::make_unique<PreviousTokenPredictor>(options.grid, options.top_k, options.lanes);
}

Made make_gate_ahead(std::string_view, const PredictorOptions& options) {
  return std::make_unique<GateAheadPredictor>(options.grid, options.top_k, options.lanes,
                                              options.ahead_layers);
}

bool runs_on_device(const PredictorOptions& options) {
  if (options.device == nullptr || options.forecast_on == ForecastOn::host) return false;
  if (options.forecast_on == ForecastOn::device) return true;
  return options.device->info().kind.rfind("cuda", 0) == 0;
}

Made make_mlp(std::string_view name, const PredictorOptions& options) {
  std::shared_ptr<const MlpModel> model = options.mlp;
  if (model == nullptr) {
    model = std::make_shared<const MlpModel>(learn_mlp(TrainingSet(name, options), NetOptions{}.seed));
  }
  check_mlp_fits(*model, options.grid, options.top_k);
  if (ahead_ranks(model->shape.groups) != 0 && options.ahead_layers == 0) {
    throw Error(
        ErrorCode::usage,
        "predictor mlp: has learned from routers applied to hidden states, which recorded routing has "
        "not: expected a live model (prophet generate, prophet eval-predictor --text), --routers with a "
        "trace that was recorded with --hidden, or what was learned without routers");
  }
  Device* const nets_on = runs_on_device(options) ? options.device : nullptr;
  return std::make_unique<MlpPredictor>(
      std::move(model),
      MlpOptions{options.lanes, nets_on, options.adapt_rate, options.device, options.ahead_layers});
}

Made make_oracle(std::string_view, const PredictorOptions& options) {
  return std::make_unique<OraclePredictor>(options.grid, options.future);
}

/// How long a predictor learns from training sequences before it runs.
enum class Learning : std::uint8_t { none, seconds, minutes };

struct Entry {
  std::string_view name;
  Learning learning;
  Made (*make)(std::string_view name, const PredictorOptions& options);
};

constexpr std::array predictors{
    Entry{"none", Learning::none, make_none},
    Entry{"static", Learning::seconds, make_learner<StaticPredictor>},
    Entry{"previous-token", Learning::none, make_previous_token},
    Entry{"transition", Learning::seconds, make_learner<TransitionPredictor>},
    Entry{"history", Learning::seconds, make_learner<HistoryPredictor>},
    Entry{"gate-ahead", Learning::none, make_gate_ahead},
    Entry{"mlp", Learning::minutes, make_mlp},
    Entry{"oracle", Learning::none, make_oracle},
};

const Entry* find(std::string_view name) {
  for (const Entry& entry : predictors) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

void require_within(std::string_view predictor, std::string_view what, std::uint32_t value,
                    std::uint32_t max) {
  if (value >= 1 && value <= max) return;
  throw Error(ErrorCode::usage,
              fmt::format("predictor {}: {} {}, expected 1 to {}", predictor, value, what, max));
}

void check_sizes(std::string_view name, const PredictorOptions& options) {
  require_within(name, "layers", options.grid.layers, limits::layers_max);
  require_within(name, "experts a layer", options.grid.experts, limits::experts_per_layer_max);
  require_within(name, "experts a token (top-k)", options.top_k,
                 std::min(limits::top_k_max, options.grid.experts));
  require_within(name, "lanes", options.lanes, limits::lanes_max);
}

}  // namespace

ForecastOn parse_forecast_on(std::string_view name) {
  if (name == "auto") return ForecastOn::automatic;
  if (name == "host") return ForecastOn::host;
  if (name == "device") return ForecastOn::device;
  throw Error(ErrorCode::usage, fmt::format("--forecast-on {}: expected auto, host or device", name));
}

std::vector<std::string> predictor_names() {
  std::vector<std::string> names;
  for (const Entry& entry : predictors) names.emplace_back(entry.name);
  return names;
}

bool predictor_needs_training(std::string_view name) {
  const Entry* const entry = find(name);
  return entry != nullptr && entry->learning != Learning::none;
}

bool predictor_learns_long(std::string_view name) {
  const Entry* const entry = find(name);
  return entry != nullptr && entry->learning == Learning::minutes;
}

bool predictor_has_nets(std::string_view name) {
  const Entry* const entry = find(name);
  return entry != nullptr && entry->make == make_mlp;
}

bool predictor_needs_routers(std::string_view name) {
  const Entry* const entry = find(name);
  return entry != nullptr && entry->make == make_gate_ahead;
}

std::unique_ptr<Predictor> make_predictor(std::string_view name, const PredictorOptions& options) {
  const Entry* const entry = find(name);
  if (entry == nullptr) {
    throw Error(ErrorCode::usage, fmt::format("predictor {} is unknown; known are {}", name,
                                              fmt::join(predictor_names(), ", ")));
  }
  if (entry->make == make_none) return nullptr;
  check_sizes(name, options);
  return entry->make(name, options);
}

}  // namespace prophet
