#include "bench/commands/eval_setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "bench/commands/coverage_option.hpp"
#include "bench/commands/replay_setup.hpp"
#include "prophet/error.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/learn_uses.hpp"

namespace prophet {
namespace {

constexpr std::string_view control = "oracle";

EvaluationPlan plan_of(const EvalSetup& setup, const ExpertGrid& grid) {
  EvaluationPlan plan;
  plan.ahead = setup.ahead;
  for (const std::string& text : setup.coverages) plan.coverages.push_back(parse_coverage(text, grid));
  for (auto* const list : {&plan.ahead, &plan.coverages}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
  return plan;
}

std::uint32_t slabs_of(const EvalSetup& setup, const ExpertGrid& grid) {
  if (setup.slabs == 0) return slabs_of_fraction(setup.slab_fraction, grid);
  if (setup.slabs <= grid.size()) return setup.slabs;
  throw Error(ErrorCode::usage,
              fmt::format("--slabs {}: expected 1 to {}, the number of experts in all layers", setup.slabs,
                          grid.size()));
}

constexpr std::string_view router_control = "gate-ahead";

bool is_default(const std::string& name, const PredictorOptions& options) {
  if (predictor_needs_routers(name) && options.ahead_layers == 0) return false;
  return name != "none" && name != control;
}

}  // namespace

void add_eval_options(CLI::App& command, EvalSetup& setup) {
  command
      .add_option("--predictor", setup.predictors,
                  "Predictors to score, separated by commas; default: all that the source can feed "
                  "and that learn within seconds, or have learned from --predictor-file")
      ->delimiter(',');
  command.add_option("--ahead", setup.ahead, "Layers between a forecast and its target, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  command
      .add_option("--coverage", setup.coverages,
                  "Experts of a layer that are named, the most probable first: numbers or all, separated by "
                  "commas")
      ->delimiter(',')
      ->capture_default_str();
  command
      .add_option("--policy", setup.policy,
                  "Whose cache says which experts are resident: lru, lfu, slru, arc, least-stale, static, "
                  "forecast, one-step and belady (bounds)")
      ->capture_default_str();
  auto* const slabs = command.add_option("--slabs", setup.slabs, "Slabs of that cache");
  command.add_option("--slab-fraction", setup.slab_fraction, "The same as a share of all experts")
      ->capture_default_str()
      ->excludes(slabs);
  command.add_option("--staging-slabs", setup.staging_slabs,
                     "Slabs on top for experts that pass through; default: top-k");
  command.add_option("--predictor-file", setup.predictor_file,
                     "What predictor mlp and policy forecast have learned, by prophet train-predictor; the "
                     "sequences of a trace that it was trained on are left out");
  command.add_option("--seed", setup.seed, "Of the split and of what learns")->capture_default_str();
}

bool learns(const EvalSetup& setup) {
  if (policy_needs_training(setup.policy) || setup.predictors.empty()) return true;
  return std::any_of(setup.predictors.begin(), setup.predictors.end(), predictor_needs_training);
}

EvalPanel::EvalPanel(const EvalSetup& setup, const PredictorOptions& options, const RequestGroups& future,
                     std::uint32_t tokens_max, std::shared_ptr<const UseModel> use_model)
    : grid_(options.grid),
      slabs_(slabs_of(setup, grid_)),
      staging_slabs_(setup.staging_slabs.value_or(options.top_k)),
      plan_(plan_of(setup, grid_)),
      use_model_(std::move(use_model)) {
  make_predictors(setup, options);
  std::unique_ptr<EvictionPolicy> eviction = policy(setup, options, future);
  const auto learned = [&]() -> const UseModel& {
    if (use_model_ == nullptr) use_model_ = std::make_shared<const UseModel>(learn_uses(options, setup.seed));
    return *use_model_;
  };
  estimates_.emplace(*eviction, options.lanes, learned, [&] { return make_predictor(control, options); });
  resident_ =
      std::make_unique<ResidentExperts>(grid_, CacheSize{slabs_, staging_slabs_}, std::move(eviction));
  estimates_->guide(*resident_);
  std::vector<Predictor*> views;
  for (const auto& predictor : predictors_) views.push_back(predictor.get());
  evaluation_ = std::make_unique<ForecastEvaluation>(plan_, options.top_k, tokens_max, views, *resident_);
}

void EvalPanel::make_predictors(const EvalSetup& setup, const PredictorOptions& options) {
  for (const std::string& name : setup.predictors) {
    if (name == "none")
      throw Error(ErrorCode::usage, "--predictor none: says nothing, expected one that forecasts");
    predictors_.push_back(make_predictor(name, options));
  }
  for (const std::string& name : predictor_names()) {
    if (!setup.predictors.empty() || !is_default(name, options)) continue;
    if (predictor_learns_long(name) && options.mlp == nullptr) {
      left_out_.push_back(
          name + ": learns for minutes; expected --predictor-file, or it by name, --predictor " + name);
      continue;
    }
    try {
      predictors_.push_back(make_predictor(name, options));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::usage) throw;
      left_out_.emplace_back(error.what());
    }
  }
  predictors_.push_back(make_predictor(control, options));
  if (options.ahead_layers == 0) return;
  if (!setup.router_control) {
    left_out_.emplace_back(
        "control gate-ahead: the hidden states are rounded, and a router may choose otherwise on them; "
        "expected "
        "a trace recorded with --hidden-dtype fp32");
    return;
  }
  router_control_ = make_predictor(router_control, options);
  plan_.router_control = router_control_.get();
}

std::unique_ptr<EvictionPolicy> EvalPanel::policy(const EvalSetup& setup, const PredictorOptions& options,
                                                  const RequestGroups& future) {
  PolicyOptions policy_options;
  policy_options.grid = grid_;
  policy_options.cache_slabs = slabs_;
  std::vector<std::uint64_t> popularity;
  if (options.trace != nullptr && !options.training.empty())
    popularity = count_popularity(*options.trace, options.training);
  policy_options.popularity = popularity;
  policy_options.future = &future;
  return make_policy(setup.policy, policy_options);
}

ForecastReport EvalPanel::report() const {
  ForecastReport report;
  report.grid = grid_;
  report.coverages = plan_.coverages;
  for (std::size_t p = 0; p < predictors_.size(); ++p) {
    for (std::size_t a = 0; a < plan_.ahead.size(); ++a) {
      ForecastRow row{std::string(predictors_[p]->name()),
                      p + 1 == predictors_.size(),
                      plan_.ahead[a],
                      ForecastScope::step,
                      0,
                      evaluation_->within_step(p, a)};
      report.rows.push_back(row);
      row.scope = ForecastScope::next_step;
      row.tally = evaluation_->into_next_step(p, a);
      report.rows.push_back(row);
      row.scope = ForecastScope::layer;
      for (row.layer = 0; row.layer < grid_.layers; ++row.layer) {
        row.tally = evaluation_->tally(p, a, LayerId{row.layer});
        report.rows.push_back(row);
      }
    }
  }
  if (router_control_ != nullptr) {
    ForecastRow row{std::string(router_control), true, 0, ForecastScope::step, 0, evaluation_->control()};
    report.rows.push_back(row);
    row.scope = ForecastScope::layer;
    for (row.layer = 0; row.layer < grid_.layers; ++row.layer) {
      row.tally = evaluation_->control(LayerId{row.layer});
      report.rows.push_back(row);
    }
  }
  return report;
}

void check_controls(const ForecastReport& report) {
  std::map<std::pair<std::string, std::uint32_t>, std::uint64_t> scored;  // by control and layers ahead
  for (const ForecastRow& row : report.rows) {
    if (!row.is_control) continue;
    const ForecastCounts& counts = row.tally.at_k();
    scored[{row.predictor, row.ahead}] += row.tally.forecasts();
    if (counts.recalled_at_k == counts.wanted) continue;
    throw Error(
        ErrorCode::check_failed,
        fmt::format("control {}, {} layers ahead: names {} of the {} experts that were wanted, expected "
                    "all: what was scored is not what was forecast",
                    row.predictor, row.ahead, counts.recalled_at_k, counts.wanted));
  }
  for (const auto& [read, forecasts] : scored) {
    if (forecasts != 0) continue;
    throw Error(ErrorCode::check_failed,
                fmt::format("control {}, {} layers ahead: nothing was scored, expected "
                            "more decode steps, or fewer layers ahead",
                            read.first, read.second));
  }
}

}  // namespace prophet
