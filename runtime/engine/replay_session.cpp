#include "runtime/engine/replay_session.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "predictor/make_predictor.hpp"
#include "predictor/mlp/train_mlp.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/cache/miss_ratio_curve.hpp"
#include "runtime/engine/learn_uses.hpp"
#include "runtime/engine/measure_chunks.hpp"
#include "runtime/engine/measure_link.hpp"
#include "runtime/engine/policy_estimates.hpp"
#include "runtime/engine/replayed_model.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t link_probe_bytes = 64ULL << 20;
/// Progress is reported this often: often enough for a bar, rarely enough to cost nothing.
constexpr std::uint64_t progress_steps = 256;
/// Weights so small that activations neither vanish nor blow up over many layers.
constexpr float weight_scale = 0.08F;

DeviceOptions with_experts(DeviceOptions options, const ExpertGrid& grid) {
  options.experts = grid.experts;
  return options;
}

std::uint64_t decode_steps(BatchSchedule schedule) {
  std::uint64_t steps = 0;
  while (schedule.next()) steps += schedule.kind() == StepKind::decode ? 1U : 0U;
  return steps;
}

}  // namespace

ReplaySession::ReplaySession(const RoutingTrace& trace, const SequenceSplit& split, Workload workload,
                             SessionOptions options, Progress progress)
    : trace_(trace),
      split_(split),
      workload_(workload),
      options_(std::move(options)),
      progress_(std::move(progress)),
      device_(make_device(options_.device, with_experts(options_.device_options, workload.grid))),
      popularity_(count_popularity(trace, split.train)) {
  cuda_ = dynamic_cast<const CudaDevice*>(device_.get());
  if (options_.record_timeline) {
    auto recording =
        std::make_unique<RecordingDevice>(std::move(device_), RecordingOptions{limits::timeline_spans_max});
    recording_ = recording.get();
    device_ = std::move(recording);
  }
  store_ = std::make_unique<HostStore>(*device_, workload_.grid, workload_.expert_bytes,
                                       random_weights(options_.seed, weight_scale));
  link_bytes_per_s_ =
      measure_link_bytes_per_s(*device_, std::min(link_probe_bytes, device_->info().memory_bytes / 4));
  chunk_cost_ = measure_chunk_cost(*device_, std::min(options_.chunk_bytes, workload_.expert_bytes),
                                   options_.chunks_in_flight);
}

BatchSchedule ReplaySession::schedule(std::uint32_t batch) const {
  return BatchSchedule(trace_, split_.test, {batch, options_.steps, options_.prefill_chunk_tokens});
}

const RequestGroups& ReplaySession::requests(std::uint32_t batch) {
  const auto known = requests_.find(batch);
  if (known != requests_.end()) return known->second;
  return requests_.emplace(batch, collect_requests(trace_, schedule(batch))).first->second;
}

void ReplaySession::check(const ReplayCase& what) const {
  if (what.slabs == 0 || what.slabs > workload_.grid.size()) {
    throw Error(ErrorCode::usage,
                fmt::format("--slabs {}: expected 1 to {}, the number of experts in all layers", what.slabs,
                            workload_.grid.size()));
  }
  if (what.lookahead_layers > limits::lookahead_max || what.lookahead_layers >= workload_.grid.layers + 1) {
    throw Error(ErrorCode::usage,
                fmt::format("--lookahead {}: expected at most {} layers", what.lookahead_layers,
                            std::min(limits::lookahead_max, workload_.grid.layers)));
  }
}

void ReplaySession::check_graph(const ReplayCase& what, const StepLoop& loop) const {
  if (options_.graph != GraphUse::required || loop.captures()) return;
  throw Error(ErrorCode::usage,
              what.predictor != "none"
                  ? fmt::format("--graph on: predictor {} prefetches between layers, where a captured step "
                                "leaves the host no place; expected --predictor none or --graph auto",
                                what.predictor)
                  : fmt::format("--graph on: {} captures no step of {} tokens, expected --device cuda and a "
                                "batch below the crossover of its kernels, or --graph auto",
                                device_->info().name, what.batch));
}

std::unique_ptr<EvictionPolicy> ReplaySession::policy(const ReplayCase& what) {
  PolicyOptions policy_options;
  policy_options.grid = workload_.grid;
  policy_options.cache_slabs = what.slabs;
  if (!split_.train.empty()) policy_options.popularity = popularity_;
  if (what.policy == "belady") policy_options.future = &requests(what.batch);
  return make_policy(what.policy, policy_options);
}

PredictorOptions ReplaySession::learner_options() const {
  PredictorOptions training;
  training.grid = workload_.grid;
  training.top_k = workload_.top_k;
  training.trace = &trace_;
  training.training = split_.train;
  return training;
}

const UseModel& ReplaySession::use_model() {
  if (options_.trained.use == nullptr) {
    options_.trained.use = std::make_shared<const UseModel>(learn_uses(learner_options(), options_.seed));
  }
  return *options_.trained.use;
}

std::shared_ptr<const MlpModel> ReplaySession::mlp_model() {
  if (options_.trained.mlp == nullptr) {
    options_.trained.mlp = std::make_shared<const MlpModel>(
        learn_mlp(TrainingSet("mlp", learner_options()), options_.seed, options_.training_progress));
  }
  return options_.trained.mlp;
}

std::unique_ptr<Predictor> ReplaySession::predictor(Device& device, const ReplayCase& what) {
  PredictorOptions predictor_options = learner_options();
  predictor_options.lanes = what.batch;
  if (routers_ahead() != nullptr)
    predictor_options.ahead_layers = std::min(what.lookahead_layers, routers_ahead()->ahead_layers());
  if (what.predictor == "mlp") {
    predictor_options.mlp = mlp_model();
    predictor_options.device = &device;
    predictor_options.forecast_on = options_.forecast_on;
    predictor_options.adapt_rate = options_.adapt_rate;
  }
  if (what.predictor == "oracle") return oracle(what.batch);
  return make_predictor(what.predictor, predictor_options);
}

std::unique_ptr<Predictor> ReplaySession::oracle(std::uint32_t batch) {
  PredictorOptions options = learner_options();
  options.lanes = batch;
  const RequestGroups& future = requests(batch);
  options.future = {future.offsets, future.experts};
  return make_predictor("oracle", options);
}

ReplayRow ReplaySession::run(const ReplayCase& what) {
  check(what);
  return repeat_on(*device_, *store_, what);
}

ReplayRow ReplaySession::repeat_on(Device& device, const HostStore& store, const ReplayCase& what) {
  std::vector<ReplayRow> rows;
  for (std::uint32_t r = 0; r < options_.repetitions; ++r) rows.push_back(run_on(device, store, what));
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.metrics.total_ns < b.metrics.total_ns; });
  ReplayRow median = rows[(rows.size() - 1) / 2];
  median.total_ns_min = rows.front().metrics.total_ns;
  median.total_ns_max = rows.back().metrics.total_ns;
  return median;
}

ReplayRow ReplaySession::run_on(Device& device, const HostStore& store, const ReplayCase& what) {
  BatchSchedule steps = schedule(what.batch);
  const std::unique_ptr<Predictor> forecaster = predictor(device, what);
  EngineOptions engine;
  engine.cache = {what.slabs, what.staging_slabs};
  engine.transfer.chunk_bytes = options_.chunk_bytes;
  engine.transfer.chunks_in_flight = options_.chunks_in_flight;
  engine.prefetch = prefetch_options(what, workload_.top_k);
  engine.prefetch.link_bytes_per_s = link_bytes_per_s_;
  engine.prefetch.chunk = chunk_cost_;
  engine.verify = options_.verify;
  engine.miss.mode = what.miss;
  engine.miss.tokens_max = steps.lanes();
  engine.captured_tokens = options_.graph == GraphUse::off ? 0 : steps.lanes();
  ReplayedModel model(device, trace_, workload_, steps.tokens_max(), options_.seed);
  if (routers_ahead() != nullptr && forecaster != nullptr && forecaster->wants_ahead() != 0)
    model.apply_routers_ahead(*routers_ahead(), forecaster->wants_ahead(), steps.lanes());
  std::unique_ptr<EvictionPolicy> eviction = policy(what);
  PolicyEstimates estimates(
      *eviction, what.batch, [&]() -> const UseModel& { return use_model(); },
      [&] { return oracle(what.batch); });
  StepLoop loop(device, store, model, engine, std::move(eviction), forecaster.get(), steps.tokens_max());
  estimates.guide(loop);
  check_graph(what, loop);
  const std::uint64_t steps_in_all = decode_steps(steps);
  loop.expect_steps(steps_in_all);
  if (what.has_slab_for_all(workload_.grid)) {
    loop.preload();
  } else if (what.miss != MissMode::copy) {
    loop.preload(most_wanted(popularity_, what.slabs));
  }
  const std::uint32_t preloaded = loop.cache().occupied_slabs();
  for (std::uint64_t done = 0; steps.next(); ++done) {
    loop.step(steps.kind(), steps.tokens());
    if (progress_ && done % progress_steps == 0) progress_(what, done, steps_in_all);
  }
  ReplayRow row;
  row.what = what;
  row.metrics = loop.finish();
  row.preloaded = preloaded;
  row.slab_bytes = loop.slabs().arena().total_bytes();
  row.device_bytes = row.slab_bytes + model.device_bytes();
  if (forecaster != nullptr) row.device_bytes += forecaster->device_bytes();
  row.fits = row.device_bytes <= device_->info().memory_bytes;
  if (loop.miss_costs() != nullptr) row.miss_costs = miss_costs_[what.batch] = *loop.miss_costs();
  return row;
}

void ReplaySession::write_timeline(const std::string& path, const std::string& provenance) const {
  recording_->write(path, provenance);
}

const ReplayRow& ReplaySession::on_demand_lru(const ReplayCase& like) {
  const std::tuple key{like.batch, like.slabs, like.staging_slabs};
  const auto known = lru_rows_.find(key);
  if (known != lru_rows_.end()) return known->second;
  return lru_rows_.emplace(key, run(on_demand_lru_like(like))).first->second;
}

const ReplayRow& ReplaySession::static_with_host(const ReplayCase& like) {
  const std::tuple key{like.batch, like.slabs, like.staging_slabs};
  const auto known = static_host_rows_.find(key);
  if (known != static_host_rows_.end()) return known->second;
  return static_host_rows_.emplace(key, run(static_with_host_like(like))).first->second;
}

ReplayRow ReplaySession::run_resident_if_it_fits(const ReplayCase& what) {
  try {
    return repeat_on(*device_, *store_, what);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
  }
  ReplayRow row;
  row.what = what;
  row.ran = row.fits = false;
  return row;
}

const ReplayRow& ReplaySession::all_resident(std::uint32_t batch) {
  const auto known = resident_rows_.find(batch);
  if (known != resident_rows_.end()) return known->second;
  ReplayCase what;
  what.batch = batch;
  what.slabs = workload_.grid.size();
  DeviceOptions roomy = options_.device_options;
  roomy.memory_bytes = 0;
  roomy.ignore_capacity = true;
  ReplayRow row;
  if (device_->info().has_bytes) {
    row = run_resident_if_it_fits(what);
  } else {
    const std::unique_ptr<Device> device = make_device(options_.device, roomy);
    const HostStore store(*device, workload_.grid, workload_.expert_bytes, nullptr);
    row = repeat_on(*device, store, what);
  }
  row.what.policy = "all-resident";
  return resident_rows_.emplace(batch, std::move(row)).first->second;
}

const MissCosts& ReplaySession::miss_costs(const ReplayCase& like) {
  if (!miss_costs_.contains(like.batch)) (void)run(like);
  return miss_costs_.at(like.batch);
}

ClairvoyantBound ReplaySession::bound(const ReplayCase& like) {
  const DecodeHits best = grouped_belady_decode_hits(requests(like.batch), like.slabs + like.staging_slabs);
  ClairvoyantBound bound;
  bound.requests = best.requests;
  if (!like.has_slab_for_all(workload_.grid)) bound.misses = best.requests - best.hits;
  bound.bytes = bound.misses * workload_.expert_bytes;
  bound.copy_ns = static_cast<std::uint64_t>(static_cast<double>(bound.bytes) / link_bytes_per_s_ * 1e9);
  bound.compute_ns = all_resident(like.batch).metrics.decode().compute_ns;
  if (like.miss != MissMode::copy) bound.with_host_ns = least_with_host_ns(bound, miss_costs(like));
  return bound;
}

}  // namespace prophet
