#include "bench/micro/decision_layers.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "prophet/error.hpp"
#include "runtime/device/sim_device.hpp"
#include "runtime/engine/measure_link.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet::micro {
namespace {

constexpr std::uint64_t link_probe_bytes = 64ULL << 20;
constexpr double prefetch_useful_min = 0;  // it never rests: a resting layer decides nothing

std::unique_ptr<Device> roomy_gpu() {
  GpuProfile profile = load_gpu_profile("h100-80gb");
  profile.memory_bytes *= 8;
  return make_sim_device(profile, {.check_happens_before = false});
}

std::unique_ptr<EvictionPolicy> forecast_policy(ExpertGrid grid, ForecastPolicy*& made) {
  auto policy = std::make_unique<ForecastPolicy>(grid);
  made = policy.get();
  return policy;
}

PrefetchOptions prefetch_options(const DecisionCase& what, Device& device) {
  PrefetchOptions options;
  options.rule = PrefetchRule::paying;
  options.width = what.workload.top_k * what.batch;
  options.ranked_experts = 2 * what.workload.top_k * what.batch;
  options.link_bytes_per_s = measure_link_bytes_per_s(device, link_probe_bytes);
  return options;
}

}  // namespace

DecisionLayers::DecisionLayers(const DecisionCase& what, std::uint64_t steps)
    : device_(roomy_gpu(), clock_),
      workload_(what.workload),
      predictor_(what.predictor, clock_),
      schedule_at_start_(what.trace, what.replayed, {.lanes = what.batch}),
      schedule_(schedule_at_start_),
      store_(device_, workload_.grid, workload_.expert_bytes, nullptr),
      slabs_(device_, workload_.expert_bytes, what.cache_slabs + workload_.top_k),
      policy_(nullptr),
      cache_(workload_.grid, {what.cache_slabs, workload_.top_k}, forecast_policy(workload_.grid, policy_)),
      transfers_(device_, store_, slabs_.arena(), slabs_.bytes(), cache_, {}),
      fates_(transfers_, prefetch_useful_min),
      prefetcher_(predictor_, cache_, transfers_, fates_, prefetch_options(what, device_)),
      estimator_(what.use_model, what.batch),
      model_(device_, what.trace, workload_, what.batch, 1),
      requests_(workload_.grid, workload_.top_k, what.batch),
      compute_(device_, StreamRole::compute),
      router_done_(device_) {
  fill_cache();
  for (std::uint64_t layer = 0; layer < steps * workload_.grid.layers; ++layer) run_layer();
  counts_ = {};
}

/// As many experts of each layer as there are slabs for, as a run finds them that has been going for long.
void DecisionLayers::fill_cache() {
  std::vector<ExpertIndex> of_layer;
  for (std::uint32_t l = 0; l < workload_.grid.layers; ++l) {
    const std::uint32_t room = cache_.size().cache_slabs - cache_.occupied_slabs();
    const std::uint32_t layers_left = workload_.grid.layers - l;
    const std::uint32_t experts = std::min(workload_.grid.experts, (room + layers_left - 1) / layers_left);
    of_layer.clear();
    for (std::uint32_t e = 0; e < experts; ++e)
      of_layer.push_back(workload_.grid.index(LayerId{l}, ExpertId{e}));
    const LayerLease lease = cache_.acquire(of_layer);
    for (const Acquired& miss : lease.misses()) cache_.complete(miss.ticket);
  }
}

void DecisionLayers::run_layer() {
  clock_.reset();
  if (next_layer_ == 0) start_step();
  const LayerId layer{next_layer_};
  model_.launch_dense(layer, schedule_.tokens(), compute_.id());
  device_.record(compute_.id(), router_done_.id());
  plan_prefetches();
  wait_for_router();
  const std::size_t tokens = schedule_.tokens().size();
  model_.read_routing(layer, schedule_.tokens(), requests_.choices(tokens));
  requests_.gather(layer, tokens);
  for (std::size_t t = 0; t < tokens; ++t)
    predictor_.observe(schedule_.tokens()[t].lane, layer, requests_.chosen(t));
  prefetcher_.prepare(layer);
  estimate_uses(layer);
  lease_and_run(layer);
  model_.launch_combine(layer, requests_.slots(), static_cast<std::uint32_t>(tokens), compute_.id());
  prefetch_after_ = layer;
  next_layer_ = (layer.value + 1) % workload_.grid.layers;
  ++counts_.layers;
}

void DecisionLayers::start_step() {
  ++step_;
  if (!schedule_.next()) {
    schedule_ = schedule_at_start_;
    if (!schedule_.next()) throw Error(ErrorCode::check_failed, "decisions: the schedule has no step");
  }
  for (const StepToken& token : schedule_.tokens()) {
    if (!token.starts_sequence) continue;
    predictor_.start_lane(token.lane);
    estimator_.start_lane(token.lane);
  }
}

void DecisionLayers::plan_prefetches() {
  if (!prefetch_after_) return;
  const Within schedule(clock_, Part::schedule);
  prefetcher_.run(*prefetch_after_, device_.now_ns());
}

void DecisionLayers::wait_for_router() {
  std::array<EventId, 2> events{router_done_.id(), EventId{}};
  std::size_t count = transfers_.oldest_chunk(events[1]) ? 2 : 1;
  while (device_.wait_any(std::span(events).first(count)) != 0) {
    transfers_.pump();
    {
      const Within schedule(clock_, Part::schedule);
      prefetcher_.feed();
    }
    count = transfers_.oldest_chunk(events[1]) ? 2 : 1;
  }
  transfers_.confirm_compute();
  transfers_.pump();
}

void DecisionLayers::estimate_uses(LayerId layer) {
  std::span<const float> turns;
  {
    const Within use_model(clock_, Part::use_model);
    for (std::size_t t = 0; t < schedule_.tokens().size(); ++t)
      estimator_.observe(schedule_.tokens()[t].lane, layer, requests_.chosen(t));
    turns = estimator_.estimate(layer);
  }
  const Within evict(clock_, Part::evict);
  cache_.begin_layer(layer, step_);
  policy_->revise(layer, turns);
}

void DecisionLayers::lease_and_run(LayerId layer) {
  std::vector<ExpertIndex> deferred;
  for (std::span<const ExpertIndex> wanted = requests_.wanted(); !wanted.empty();) {
    clock_.enter(Part::evict);
    LayerLease lease = cache_.acquire(wanted);
    clock_.enter(Part::other);
    fates_.left(lease.evicted());
    run_leased(lease);
    deferred.assign(lease.deferred().begin(), lease.deferred().end());
    wanted = deferred;
    clock_.enter(Part::evict);
    const std::span<const Evicted> gone = lease.release();
    clock_.enter(Part::other);
    fates_.left(gone);
  }
  fates_.dropped(transfers_.cancel_layer(layer));
  clock_.enter(Part::evict);
  const std::span<const Evicted> gone = cache_.end_layer(layer);
  clock_.enter(Part::other);
  fates_.left(gone);
}

void DecisionLayers::run_leased(const LayerLease& lease) {
  counts_.wanted += lease.hits().size() + lease.misses().size();
  counts_.missed += lease.misses().size();
  for (const Acquired& hit : lease.hits()) {
    if (hit.outcome == Outcome::hit_late) transfers_.promote(hit.ticket);
    if (hit.first_use_of_prefetch) fates_.used(hit.outcome == Outcome::hit_late);
  }
  for (const Acquired& miss : lease.misses()) transfers_.demand(miss.ticket);
  const auto tokens = static_cast<std::uint32_t>(schedule_.tokens().size());
  const std::span<const ExpertIndex> wanted = requests_.wanted();
  for (const std::span<const Acquired> leased : {lease.hits(), lease.misses()}) {
    for (const Acquired& acquired : leased) {
      const auto at = static_cast<std::size_t>(
          std::lower_bound(wanted.begin(), wanted.end(), acquired.ticket.expert) - wanted.begin());
      if (acquired.outcome != Outcome::hit_on_time)
        device_.wait(compute_.id(), transfers_.ready(acquired.ticket.slab));
      ExpertOp op = model_.expert(tokens, requests_.first_output(at),
                                  static_cast<std::uint32_t>(requests_.rows(at).size()));
      op.slab = transfers_.slab_view(acquired.ticket.slab);
      op.source = store_.expert(acquired.ticket.expert);
      op.rows = requests_.rows(at);
      device_.launch(compute_.id(), op, acquired.ticket.expert.value);
      transfers_.note_reads(acquired.ticket.slab);
    }
  }
  transfers_.record_reads(compute_.id());
}

}  // namespace prophet::micro
