#include "runtime/engine/forecast_evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t progress_steps = 256;

EvaluationPlan checked(EvaluationPlan plan, const ExpertGrid& grid) {
  const std::uint32_t ahead_max = std::min(limits::lookahead_max, grid.layers);
  for (const std::uint32_t ahead : plan.ahead) {
    if (ahead >= 1 && ahead <= ahead_max) continue;
    throw Error(ErrorCode::usage, fmt::format("--ahead {}: expected 1 to {} layers", ahead, ahead_max));
  }
  if (plan.ahead.empty()) throw Error(ErrorCode::usage, "--ahead: expected at least one number of layers");
  for (const std::uint32_t named : plan.coverages) {
    if (named >= 1) continue;
    throw Error(ErrorCode::usage, "--coverage 0: expected at least 1 expert a layer");
  }
  return plan;
}

}  // namespace

ForecastEvaluation::ForecastEvaluation(EvaluationPlan plan, std::uint32_t top_k, std::uint32_t tokens_max,
                                       std::span<Predictor* const> predictors, ResidentExperts& resident)
    : plan_(checked(std::move(plan), resident.grid())),
      resident_(resident),
      grid_(resident.grid()),
      ahead_max_(*std::max_element(plan_.ahead.begin(), plan_.ahead.end())),
      predictors_(predictors.begin(), predictors.end()),
      requests_(grid_, top_k, tokens_max),
      pending_(predictors.size() * plan_.ahead.size() * ahead_max_),
      tallies_(predictors.size() * plan_.ahead.size() * grid_.layers, ForecastTally(plan_.coverages)),
      controls_(grid_.layers, ForecastTally(plan_.coverages)),
      own_(grid_.experts),
      probability_(grid_.experts),
      is_wanted_(grid_.experts, 0),
      is_resident_(grid_.experts, 0) {
  for (Pending& waiting : pending_) waiting.experts.resize(grid_.experts);
}

void ForecastEvaluation::on_layer(const RoutedLayer& routed) {
  if (routed.layer.value == 0) begin_pass(routed);
  const std::span<ExpertId> choices = requests_.choices(routed.tokens.size());
  std::copy(routed.chosen.begin(), routed.chosen.end(), choices.begin());
  requests_.gather(routed.layer, routed.tokens.size());
  mark_wanted(1);
  score(routed.layer);
  observe(routed);
  score_control(routed);
  mark_wanted(0);
  resident_.run(routed.layer, routed.kind, routed.tokens, requests_);
  if (routed.kind == StepKind::decode) forecast(routed.layer);
  ++layer_run_;
}

void ForecastEvaluation::begin_pass(const RoutedLayer& routed) {
  for (const StepToken& token : routed.tokens) {
    if (!token.starts_sequence) continue;
    for (Predictor* const predictor : predictors_) predictor->start_lane(token.lane);
    if (plan_.router_control != nullptr) plan_.router_control->start_lane(token.lane);
  }
  if (routed.kind == StepKind::decode) {
    ++decode_steps_;
    decode_tokens_ += routed.tokens.size();
    return;
  }
  for (Pending& waiting : pending_) waiting.layer_run = Pending::none;
}

void ForecastEvaluation::mark_wanted(std::uint8_t mark) {
  for (const ExpertIndex e : requests_.wanted()) is_wanted_[grid_.key(e).expert.index()] = mark;
}

void ForecastEvaluation::score(LayerId layer) {
  for (std::size_t p = 0; p < predictors_.size(); ++p) {
    for (std::size_t a = 0; a < plan_.ahead.size(); ++a) {
      Pending& waiting = pending(p, a, layer_run_);
      if (waiting.layer_run != layer_run_) continue;
      tallies_[(p * plan_.ahead.size() + a) * grid_.layers + layer.index()].add(waiting.experts, is_wanted_,
                                                                                requests_.wanted().size());
    }
  }
}

void ForecastEvaluation::observe(const RoutedLayer& routed) {
  for (Predictor* const predictor : predictors_) {
    for (std::size_t t = 0; t < routed.tokens.size(); ++t)
      predictor->observe(routed.tokens[t].lane, routed.layer, requests_.chosen(t));
    if (routed.kind == StepKind::decode)
      show_logits_ahead(*predictor, routed.layer, routed.tokens, routed.ahead);
  }
}

void ForecastEvaluation::score_control(const RoutedLayer& routed) {
  Predictor* const control = plan_.router_control;
  if (control == nullptr || routed.kind == StepKind::prefill) return;
  for (std::size_t t = 0; t < routed.tokens.size(); ++t)
    control->observe(routed.tokens[t].lane, routed.layer, requests_.chosen(t));
  show_logits_ahead(*control, routed.layer, routed.tokens, routed.ahead, true);
  if (!control->forecast(routed.layer, routed.layer, probability_)) return;
  find_resident(routed.layer);
  write_forecast(own_);
  controls_[routed.layer.index()].add(own_, is_wanted_, requests_.wanted().size());
}

void ForecastEvaluation::find_resident(LayerId target) {
  for (std::uint32_t e = 0; e < grid_.experts; ++e)
    is_resident_[e] = resident_.holds(grid_.index(target, ExpertId{e})) ? 1 : 0;
}

void ForecastEvaluation::write_forecast(std::vector<NamedExpert>& experts) const {
  for (std::uint32_t e = 0; e < grid_.experts; ++e)
    experts[e] = {ExpertId{e}, probability_[e], is_resident_[e] != 0};
}

void ForecastEvaluation::forecast(LayerId made_at) {
  for (std::size_t a = 0; a < plan_.ahead.size(); ++a) {
    const LayerId target{(made_at.value + plan_.ahead[a]) % grid_.layers};
    find_resident(target);
    for (std::size_t p = 0; p < predictors_.size(); ++p) {
      Pending& waiting = pending(p, a, layer_run_ + plan_.ahead[a]);
      waiting.layer_run = Pending::none;
      if (!predictors_[p]->forecast(made_at, target, probability_)) continue;
      waiting.layer_run = layer_run_ + plan_.ahead[a];
      write_forecast(waiting.experts);
    }
  }
}

ForecastTally ForecastEvaluation::sum(std::size_t p, std::size_t a, std::uint32_t first,
                                      std::uint32_t end) const {
  ForecastTally all(plan_.coverages);
  for (std::uint32_t l = first; l < end; ++l) all += tally(p, a, LayerId{l});
  return all;
}

ForecastTally ForecastEvaluation::within_step(std::size_t p, std::size_t a) const {
  return sum(p, a, plan_.ahead[a], grid_.layers);
}

ForecastTally ForecastEvaluation::into_next_step(std::size_t p, std::size_t a) const {
  return sum(p, a, 0, plan_.ahead[a]);
}

ForecastTally ForecastEvaluation::control() const {
  ForecastTally all(plan_.coverages);
  for (const ForecastTally& of_layer : controls_) all += of_layer;
  return all;
}

void evaluate_trace(const RoutingTrace& trace, BatchSchedule schedule, const RecordedLogits* routers,
                    ForecastEvaluation& evaluation,
                    const std::function<void(std::uint64_t steps_done)>& progress) {
  const TraceShape& shape = trace.shape();
  std::vector<ExpertId> chosen(std::size_t{schedule.tokens_max()} * shape.top_k);
  const std::uint32_t routers_max = routers == nullptr ? 0 : routers->routers(LayerId{0});
  std::vector<float> logits(std::size_t{routers_max} * schedule.lanes() * shape.grid.experts);
  while (schedule.next()) {
    RoutedLayer routed;
    routed.kind = schedule.kind();
    routed.tokens = schedule.tokens();
    routed.chosen = std::span(chosen).first(routed.tokens.size() * shape.top_k);
    for (std::uint32_t l = 0; l < shape.grid.layers; ++l) {
      routed.layer = LayerId{l};
      read_choices(trace, routed.layer, routed.tokens, std::span(chosen).first(routed.chosen.size()));
      if (routers != nullptr) routed.ahead = routers->read(routed.layer, routed.tokens, routers_max, logits);
      evaluation.on_layer(routed);
    }
    if (progress && evaluation.decode_steps() % progress_steps == 0) progress(evaluation.decode_steps());
  }
}

}  // namespace prophet
