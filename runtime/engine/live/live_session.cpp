#include "runtime/engine/live/live_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "predictor/make_predictor.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/cache/miss_ratio_curve.hpp"
#include "runtime/engine/learn_uses.hpp"
#include "runtime/engine/live/routing_log.hpp"
#include "runtime/engine/measure_link.hpp"
#include "runtime/engine/policy_estimates.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t link_probe_bytes = 64ULL << 20;
constexpr std::uint64_t chunks_per_expert = 8;

std::uint32_t context_for(std::span<const LiveRequest> requests, const DecoderConfig& config) {
  std::uint64_t longest = 1;
  for (const LiveRequest& request : requests) longest = std::max(longest, sequence_tokens(request));
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(longest, config.architecture.context_tokens));
}

std::uint32_t longest_prompt(std::span<const LiveRequest> requests) {
  std::size_t longest = 1;
  for (const LiveRequest& request : requests) longest = std::max(longest, request.prompt.size());
  return static_cast<std::uint32_t>(std::min<std::size_t>(longest, limits::context_tokens_max));
}

/// Decode steps, each of which makes at least one token.
std::uint64_t steps_at_most(std::span<const LiveRequest> requests) {
  std::uint64_t sum = 0;
  for (const LiveRequest& request : requests) sum += request.new_tokens_max;
  return sum;
}

std::vector<SequenceId> all_sequences(const RoutingTrace* trace) {
  std::vector<SequenceId> all;
  for (std::uint32_t s = 0; trace != nullptr && s < trace->sequences().size(); ++s)
    all.push_back(SequenceId{s});
  return all;
}

void check_training(const RoutingTrace& trace, const DecoderConfig& config) {
  const TraceShape& shape = trace.shape();
  if (shape.grid == config.shape.grid && shape.top_k == config.shape.top_k) return;
  throw Error(
      ErrorCode::bad_input,
      fmt::format("the trace to learn from has {} MoE layers x {} experts, top-{}: expected the model's {} "
                  "x {}, top-{}",
                  shape.grid.layers, shape.grid.experts, shape.top_k, config.shape.grid.layers,
                  config.shape.grid.experts, config.shape.top_k));
}

}  // namespace

LiveSession::LiveSession(LiveSessionOptions options, std::span<const LiveRequest> requests)
    : options_(std::move(options)),
      requests_(requests),
      device_(make_device(options_.device, options_.device_options)),
      training_(all_sequences(options_.training)) {
  if (!device_->info().has_bytes) {
    throw Error(
        ErrorCode::usage,
        fmt::format("{} moves no bytes and computes nothing: expected the device cpu or cuda; record the "
                    "routing there and replay it on the sim",
                    device_->info().name));
  }
  if (options_.record_timeline) {
    auto recording =
        std::make_unique<RecordingDevice>(std::move(device_), RecordingOptions{limits::timeline_spans_max});
    recording_ = recording.get();
    device_ = std::move(recording);
  }
  weights_ = std::make_unique<LiveWeights>(*device_, options_.model, options_.expert_format);
  context_tokens_ = context_for(requests, weights_->config());
  if (options_.training != nullptr) {
    check_training(*options_.training, weights_->config());
    popularity_ = count_popularity(*options_.training, training_);
  }
  link_bytes_per_s_ =
      measure_link_bytes_per_s(*device_, std::min(link_probe_bytes, device_->info().memory_bytes / 4));
}

void LiveSession::require_training(const ReplayCase& what) const {
  if (options_.training != nullptr) return;
  const bool policy_learns =
      policy_needs_training(what.policy) && !(what.policy == "forecast" && options_.trained.use != nullptr);
  const bool predictor_learns = predictor_needs_training(what.predictor) &&
                                !(what.predictor == "mlp" && options_.trained.mlp != nullptr);
  if (!policy_learns && !predictor_learns && !needs_placement(what.miss)) return;
  throw Error(ErrorCode::usage,
              fmt::format("{} learns from a routing trace of the model: expected --train-trace",
                          policy_learns      ? "policy " + what.policy
                          : predictor_learns ? "predictor " + what.predictor
                                             : fmt::format("--miss {}", miss_mode_name(what.miss))));
}

std::unique_ptr<EvictionPolicy> LiveSession::policy(const ReplayCase& what) {
  require_training(what);
  PolicyOptions policy_options;
  policy_options.grid = weights_->config().shape.grid;
  policy_options.cache_slabs = what.slabs;
  policy_options.popularity = popularity_;
  if (what.policy == "belady") policy_options.future = &requests_of_experts();
  return make_policy(what.policy, policy_options);
}

std::unique_ptr<Predictor> LiveSession::predictor(const ReplayCase& what) {
  return make_predictor(what.predictor, predictor_options(what.lookahead_layers, what.predictor == "oracle"));
}

PredictorOptions LiveSession::predictor_options(std::uint32_t ahead_layers, bool with_future) {
  PredictorOptions all;
  all.grid = weights_->config().shape.grid;
  all.top_k = weights_->config().shape.top_k;
  all.lanes = options_.decode.lanes;
  all.trace = options_.training;
  all.training = training_;
  all.ahead_layers = ahead_layers;
  all.mlp = options_.trained.mlp;
  all.device = device_.get();
  all.forecast_on = options_.forecast_on;
  if (with_future) {
    const RequestGroups& future = requests_of_experts();
    all.future = {future.offsets, future.experts};
  }
  return all;
}

const UseModel& LiveSession::use_model() {
  if (options_.trained.use == nullptr) {
    options_.trained.use = std::make_shared<const UseModel>(
        learn_uses(predictor_options(0, false), options_.decode.sampling.seed));
  }
  return *options_.trained.use;
}

LiveRow LiveSession::run(const ReplayCase& what, const ContinuousDecode::OnToken& on_token,
                         RoutingSink* sink) {
  const ExpertGrid& grid = weights_->config().shape.grid;
  if (what.slabs == 0 || what.slabs > grid.size()) {
    throw Error(ErrorCode::usage,
                fmt::format("--slabs {}: expected 1 to {}, the number of experts in all layers", what.slabs,
                            grid.size()));
  }
  if (what.lookahead_layers > limits::lookahead_max || what.lookahead_layers > grid.layers) {
    throw Error(ErrorCode::usage,
                fmt::format("--lookahead {}: expected at most {} layers", what.lookahead_layers,
                            std::min(limits::lookahead_max, grid.layers)));
  }
  return run_on(what, on_token, sink);
}

LiveRow LiveSession::run_on(const ReplayCase& what, const ContinuousDecode::OnToken& on_token,
                            RoutingSink* sink) {
  const DecoderConfig& config = weights_->config();
  std::unique_ptr<EvictionPolicy> eviction = policy(what);
  const std::unique_ptr<Predictor> forecaster = predictor(what);
  const bool forecasts = forecaster != nullptr && !what.has_slab_for_all(config.shape.grid);
  const DecodeOptions& decode_options = options_.decode;
  KvMemory kv(*device_, kv_shape_of(config, decode_options.lanes, context_tokens_, options_.kv_format));
  kv_bytes_ = kv.bytes();
  LiveOptions live;
  live.tokens_max = std::max(decode_options.lanes,
                             std::min(decode_options.prefill_chunk_tokens, longest_prompt(requests_)));
  live.records_hidden = options_.records_hidden;
  live.routers_ahead =
      std::max(sink != nullptr ? options_.routers_ahead : 0U, forecasts ? forecaster->wants_ahead() : 0U);
  live.router_again = sink != nullptr && options_.router_again;
  live.logit_rows_max = decode_options.lanes;
  LiveModel model(*device_, config, weights_->dense(), kv, weights_->layout(), live);
  EngineOptions engine;
  engine.cache = {what.slabs, what.staging_slabs};
  engine.transfer.chunk_bytes = options_.chunk_bytes != 0
                                    ? options_.chunk_bytes
                                    : ceil_div(weights_->layout().size_bytes, chunks_per_expert);
  engine.transfer.chunks_in_flight = options_.chunks_in_flight;
  ReplayCase of_lanes = what;
  of_lanes.batch = decode_options.lanes;
  engine.prefetch = prefetch_options(of_lanes, config.shape.top_k);
  engine.prefetch.link_bytes_per_s = link_bytes_per_s_;
  engine.miss.mode = what.miss;
  engine.miss.tokens_max = decode_options.lanes;
  engine.verify = options_.verify;
  engine.bypass_prefill = options_.bypass_prefill;
  PolicyEstimates estimates(
      *eviction, decode_options.lanes, [&]() -> const UseModel& { return use_model(); },
      [&] { return make_predictor("oracle", predictor_options(0, true)); });
  StepLoop loop(*device_, weights_->store(), model, engine, std::move(eviction), forecaster.get(),
                live.tokens_max);
  estimates.guide(loop);
  RoutingLog log(config.shape.grid, sink);
  const bool logs = !expert_requests_ || sink != nullptr;
  if (logs) model.set_sink(&log);
  ContinuousDecode decode(loop, model, requests_, config.eos_ids, context_tokens_, decode_options, on_token);
  loop.expect_steps(steps_at_most(requests_));
  if (what.has_slab_for_all(config.shape.grid)) {
    loop.preload();
  } else if (what.miss != MissMode::copy && !popularity_.empty()) {
    loop.preload(most_wanted(popularity_, what.slabs));
  }
  const std::uint32_t preloaded = loop.cache().occupied_slabs();
  while (decode.step()) {
  }
  LiveRow live_row;
  ReplayRow& row = live_row.row;
  row.what = of_lanes;
  row.metrics = loop.finish();
  row.preloaded = preloaded;
  row.slab_bytes = loop.slabs().arena().total_bytes();
  row.device_bytes = row.slab_bytes + model.device_bytes();
  if (forecaster != nullptr) row.device_bytes += forecaster->device_bytes();
  row.total_ns_min = row.total_ns_max = row.metrics.total_ns;
  live_row.continuations.assign(decode.continuations().begin(), decode.continuations().end());
  if (loop.miss_costs() != nullptr) miss_costs_ = row.miss_costs = *loop.miss_costs();
  if (!expert_requests_) expert_requests_ = log.groups();
  return live_row;
}

const RequestGroups& LiveSession::requests_of_experts() {
  if (!expert_requests_) {
    ReplayCase any;
    any.slabs = weights_->config().shape.top_k;
    any.staging_slabs = weights_->config().shape.top_k;
    (void)run_on(any, {}, nullptr);
  }
  return *expert_requests_;
}

const LiveRow& LiveSession::on_demand_lru(const ReplayCase& like) {
  const std::pair key{like.slabs, like.staging_slabs};
  const auto known = lru_rows_.find(key);
  if (known != lru_rows_.end()) return known->second;
  return lru_rows_.emplace(key, run(on_demand_lru_like(like))).first->second;
}

const LiveRow& LiveSession::all_resident() {
  if (resident_row_) return *resident_row_;
  ReplayCase what;
  what.slabs = weights_->config().shape.grid.size();
  LiveRow row;
  try {
    row = run_on(what, {}, nullptr);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
    row.row.what = what;
    row.row.ran = row.row.fits = false;
  }
  row.row.what.policy = "all-resident";
  resident_row_ = std::move(row);
  return *resident_row_;
}

ClairvoyantBound LiveSession::bound(const ReplayCase& like) {
  const DecodeHits best = grouped_belady_decode_hits(requests_of_experts(), like.slabs + like.staging_slabs);
  ClairvoyantBound bound;
  bound.requests = best.requests;
  if (!like.has_slab_for_all(weights_->config().shape.grid)) bound.misses = best.requests - best.hits;
  bound.bytes = bound.misses * weights_->layout().size_bytes;
  bound.copy_ns = static_cast<std::uint64_t>(static_cast<double>(bound.bytes) / link_bytes_per_s_ * 1e9);
  bound.compute_ns = all_resident().row.metrics.decode().compute_ns;
  if (like.miss != MissMode::copy) bound.with_host_ns = least_with_host_ns(bound, miss_costs_);
  return bound;
}

}  // namespace prophet
