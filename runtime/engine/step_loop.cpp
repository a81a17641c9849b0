#include "runtime/engine/step_loop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "prophet/error.hpp"

namespace prophet {

StepLoop::StepLoop(Device& device, const HostStore& store, StepModel& model, const EngineOptions& options,
                   std::unique_ptr<EvictionPolicy> policy, Predictor* predictor, std::uint32_t tokens_max)
    : device_(device),
      store_(store),
      model_(model),
      workload_(model.workload()),
      options_(options),
      slabs_(device, store.expert_bytes(), options.cache.cache_slabs + options.cache.staging_slabs),
      cache_(workload_.grid, options.cache, std::move(policy)),
      captured_(predictor == nullptr && options.captured_tokens != 0 &&
                        options.miss.mode != MissMode::automatic
                    ? model.captured_steps(device, store, slabs_, options.captured_tokens, options.verify)
                    : nullptr),
      transfers_(device, store, slabs_.arena(), slabs_.bytes(), cache_, options.transfer),
      fates_(transfers_, options.prefetch_useful_min, options.prefetch.link_bytes_per_s),
      predictor_(predictor),
      requests_(workload_.grid, workload_.top_k, tokens_max),
      compute_(device, StreamRole::compute),
      router_done_(device),
      step_done_(device) {
  if (predictor != nullptr && options.prefetch.lookahead_layers > 0) {
    prefetcher_ = std::make_unique<Prefetcher>(*predictor, cache_, transfers_, fates_, options.prefetch);
  }
  if (options.miss.mode != MissMode::copy && options.miss.tokens_max != 0) {
    MissOptions miss = options.miss;
    miss.fills_queued_max = std::min(miss.fills_queued_max, options.transfer.queued_prefetches_max);
    elsewhere_ = std::make_unique<ComputedElsewhere>(device, store, model, slabs_, miss);
  }
  deferred_.reserve(workload_.grid.experts);
  metrics_.layers.resize(workload_.grid.layers);
  metrics_.forecast_layers.resize(workload_.grid.layers);
}

void StepLoop::expect_steps(std::uint64_t steps) {
  metrics_.step_ns.reserve(steps);
}

void StepLoop::preload() {
  std::vector<ExpertIndex> all(workload_.grid.size());
  for (std::uint32_t e = 0; e < all.size(); ++e) all[e] = ExpertIndex{e};
  preload(all);
}

void StepLoop::preload(std::span<const ExpertIndex> experts) {
  for (std::uint32_t l = 0; l < workload_.grid.layers; ++l) {
    const ExpertIndex next = workload_.grid.index(LayerId{l}, ExpertId{workload_.grid.experts - 1});
    const auto of_layer =
        static_cast<std::size_t>(std::upper_bound(experts.begin(), experts.end(), next) - experts.begin());
    const std::uint32_t unlent = options_.cache.cache_slabs - cache_.lent_slabs();
    const std::uint32_t room = unlent - std::min(unlent, cache_.occupied_slabs());
    const auto wanted = experts.first(std::min<std::size_t>(room, of_layer));
    experts = experts.subspan(of_layer);
    if (wanted.empty()) continue;
    const LayerLease lease = cache_.acquire(wanted);
    for (const Acquired& miss : lease.misses()) demand(miss.ticket);
    device_.synchronize();
    transfers_.confirm_compute();
  }
  transfers_.reset_bytes();
}

void StepLoop::step(StepKind kind, std::span<const StepToken> tokens) {
  if (!std::exchange(started_, true)) {
    device_.synchronize();
    times_at_start_ = device_.times(compute_.id());
    if (elsewhere_) host_ns_at_start_ = device_.times(elsewhere_->host().stream()).busy_ns;
    started_ns_ = device_.now_ns();
  }
  const std::uint64_t begin_ns = device_.now_ns();
  if (predictor_ != nullptr) {
    for (const StepToken& token : tokens) {
      if (token.starts_sequence) predictor_->start_lane(token.lane);
    }
  }
  if (estimator_ != nullptr) {
    for (const StepToken& token : tokens) {
      if (token.starts_sequence) estimator_->start_lane(token.lane);
    }
  }
  const bool is_prefill = kind == StepKind::prefill;
  const PassTotals before = is_prefill ? totals() : PassTotals{};
  run_layers(kind, tokens);
  finish_step(tokens);
  if (is_prefill) metrics_.prefill += totals() -= before;
  ++step_number_;
  metrics_.tokens += tokens.size();
  if (is_prefill) {
    ++metrics_.prefill_passes;
    return;
  }
  ++metrics_.steps;
  metrics_.decode_tokens += tokens.size();
  metrics_.step_ns.push_back(device_.now_ns() - begin_ns);
}

/// Up to now. REQUIRES: no step runs.
PassTotals StepLoop::totals() {
  const StreamTimes times = device_.times(compute_.id());
  return {metrics_.total, transfers_.bytes(), times.busy_ns - times_at_start_.busy_ns,
          times.blocked_ns - times_at_start_.blocked_ns};
}

void StepLoop::run_layers(StepKind kind, std::span<const StepToken> tokens) {
  model_.begin(tokens, compute_.id());
  std::uint32_t layer = 0;
  if (captured_ && captured_->serves(kind, tokens.size())) {
    layer = run_captured(tokens);
    if (layer == workload_.grid.layers) return;
    gather(LayerId{layer}, tokens);
    captured_->check_missing(cache_, requests_.wanted());
    run_routed_layer(LayerId{layer++}, kind, tokens);
  }
  for (; layer < workload_.grid.layers; ++layer) run_layer(LayerId{layer}, kind, tokens);
}

void StepLoop::gather(LayerId layer, std::span<const StepToken> tokens) {
  model_.read_routing(layer, tokens, requests_.choices(tokens.size()));
  requests_.gather(layer, tokens.size());
}

std::uint32_t StepLoop::run_captured(std::span<const StepToken> tokens) {
  transfers_.confirm_compute();  // the step before has been waited for
  captured_->launch(cache_, tokens, compute_.id());
  device_.record(compute_.id(), router_done_.id());
  device_.synchronize(router_done_.id());
  const std::uint32_t layers = captured_->layers_run();
  for (std::uint32_t l = 0; l < layers; ++l) book_captured_layer(LayerId{l}, tokens);
  ++(layers == workload_.grid.layers ? metrics_.captured_steps : metrics_.captured_steps_left);
  return layers;
}

void StepLoop::book_captured_layer(LayerId layer, std::span<const StepToken> tokens) {
  gather(layer, tokens);
  cache_.begin_layer(layer, step_number_);
  estimate_uses(layer, StepKind::decode, tokens);
  LayerLease lease = cache_.acquire(requests_.wanted());
  if (!lease.misses().empty() || !lease.deferred().empty()) {
    throw Error(ErrorCode::check_failed,
                fmt::format("captured step: layer {} ran to its end, but the cache does not hold all of its "
                            "experts, expected the device's table to say the same",
                            layer.value));
  }
  for (const Acquired& hit : lease.hits()) count(layer, hit);
  left(lease.release());
  left(cache_.end_layer(layer));
}

void StepLoop::run_layer(LayerId layer, StepKind kind, std::span<const StepToken> tokens) {
  model_.launch_dense(layer, tokens, compute_.id());
  device_.record(compute_.id(), router_done_.id());
  plan_prefetches();
  wait_for_router();
  gather(layer, tokens);
  run_routed_layer(layer, kind, tokens);
}

void StepLoop::run_routed_layer(LayerId layer, StepKind kind, std::span<const StepToken> tokens) {
  const auto rows = static_cast<std::uint32_t>(tokens.size());
  observe(layer, kind, tokens);
  if (prefetcher_ && kind == StepKind::decode) prepare_forecasts(layer);
  cache_.begin_layer(layer, step_number_);
  estimate_uses(layer, kind, tokens);
  run_experts(layer, kind, rows);
  model_.launch_combine(layer, requests_.slots(), rows, compute_.id());
  fates_.dropped(transfers_.cancel_layer(layer));
  left(cache_.end_layer(layer));
  if (prefetcher_ && kind == StepKind::decode) prefetch_after_ = layer;
  if (prefetcher_ && kind == StepKind::prefill) prefetcher_->interrupted();
  transfers_.pump();
}

/// The layer's experts wait for it: what it takes is the price of a forecast that a device makes.
void StepLoop::prepare_forecasts(LayerId layer) {
  const std::uint64_t begin_ns = device_.now_ns();
  if (prefetcher_->prepare(layer)) fates_.waited(device_.now_ns() - begin_ns);
}

/// Once the device has its next work, so that it does not wait for what the host decides meanwhile.
void StepLoop::plan_prefetches() {
  if (!prefetch_after_) return;
  prefetcher_->run(*prefetch_after_, device_.now_ns());
  prefetch_after_.reset();
  transfers_.pump();
}

void StepLoop::wait_for_router() {
  std::array<EventId, 2> events{router_done_.id(), EventId{}};
  std::size_t count = transfers_.oldest_chunk(events[1]) ? 2 : 1;
  while (device_.wait_any(std::span(events).first(count)) != 0) {
    pump();
    count = transfers_.oldest_chunk(events[1]) ? 2 : 1;
  }
  transfers_.confirm_compute();
  transfers_.observe_finished_chunks();  // more chunks can wait, this layer's experts cannot
}

void StepLoop::pump() {
  transfers_.pump();
  if (prefetcher_) prefetcher_->feed();
}

void StepLoop::observe(LayerId layer, StepKind kind, std::span<const StepToken> tokens) {
  if (predictor_ == nullptr) return;
  if (prefetcher_) {
    prefetcher_->score(layer, requests_.wanted(), metrics_.forecast, metrics_.forecast_layers[layer.index()]);
  }
  for (std::size_t t = 0; t < tokens.size(); ++t)
    predictor_->observe(tokens[t].lane, layer, requests_.chosen(t));
  if (kind == StepKind::prefill || predictor_->wants_ahead() == 0) return;
  const LogitsAhead logits = model_.logits_ahead(layer, static_cast<std::uint32_t>(tokens.size()));
  metrics_.routers_ahead += logits.routers();
  metrics_.logits_ahead_bytes += logits.values.size_bytes();
  show_logits_ahead(*predictor_, layer, tokens, logits);
}

/// Before the layer's experts are looked up: what leaves for them is chosen by what is known by now. Where
/// nothing ever leaves, nothing is estimated.
void StepLoop::estimate_uses(LayerId layer, StepKind kind, std::span<const StepToken> tokens) {
  if (estimator_ == nullptr) return;
  for (std::size_t t = 0; t < tokens.size(); ++t)
    estimator_->observe(tokens[t].lane, layer, requests_.chosen(t));
  if (kind == StepKind::decode && !cache_.has_slab_for_all()) {
    forecast_policy_->revise(layer, estimator_->estimate(layer));
  } else {
    estimator_->pass_over();
  }
}

void StepLoop::run_experts(LayerId layer, StepKind kind, std::uint32_t tokens) {
  if (elsewhere_ && kind == StepKind::decode && elsewhere_->serves(tokens))
    return run_with_elsewhere(layer, tokens);
  acquire_and_run(layer, requests_.wanted(), kind == StepKind::prefill && options_.bypass_prefill, tokens);
}

/// What is computed elsewhere is under way first: the host takes longest, and needs no slab.
void StepLoop::run_with_elsewhere(LayerId layer, std::uint32_t tokens) {
  const std::span<const ExpertIndex> wanted = elsewhere_->choose(requests_, cache_, transfers_, step_number_);
  elsewhere_->start(layer, requests_, tokens, compute_.id());
  if (wanted.empty()) model_.launch_beside(layer, tokens, compute_.id());
  acquire_and_run(layer, wanted, false, tokens);
  elsewhere_->finish(compute_.id());
  count_elsewhere(layer);
  keep_computed_elsewhere();
  elsewhere_->end_layer(cache_, step_number_);
}

/// The cache takes them in as just used, and its policy may drop them at once.
void StepLoop::keep_computed_elsewhere() {
  const std::span<const ExpertIndex> to_keep = elsewhere_->to_keep(requests_, transfers_);
  if (to_keep.empty()) return;
  LayerLease lease = cache_.acquire(to_keep);
  left(lease.evicted());
  for (const Acquired& taken : lease.misses()) transfers_.fill(taken.ticket);
  left(lease.release());
}

void StepLoop::acquire_and_run(LayerId layer, std::span<const ExpertIndex> wanted, bool bypass,
                               std::uint32_t tokens) {
  for (bool first = true; !wanted.empty(); first = false) {
    metrics_.rounds_extra += first ? 0U : 1U;
    LayerLease lease = cache_.acquire(wanted, bypass);
    start_copies(lease);
    if (first) model_.launch_beside(layer, tokens, compute_.id());
    run_round(layer, lease, tokens);
    deferred_.assign(lease.deferred().begin(), lease.deferred().end());
    wanted = deferred_;
    left(lease.release());
  }
}

void StepLoop::run_round(LayerId layer, const LayerLease& lease, std::uint32_t tokens) {
  for (const Acquired& hit : lease.hits()) {
    if (hit.outcome == Outcome::hit_on_time) launch_expert(layer, hit, tokens);
  }
  for (const Acquired& hit : lease.hits()) {
    if (hit.outcome == Outcome::hit_late) launch_expert(layer, hit, tokens);
  }
  for (const Acquired& miss : lease.misses()) launch_expert(layer, miss, tokens);
  transfers_.record_reads(compute_.id());
}

void StepLoop::start_copies(const LayerLease& lease) {
  left(lease.evicted());
  for (const Acquired& hit : lease.hits()) {
    if (hit.outcome != Outcome::hit_late) continue;
    const std::uint64_t submitted = transfers_.promote(hit.ticket);
    if (hit.first_use_of_prefetch) fates_.hid(submitted);
  }
  for (const Acquired& miss : lease.misses()) demand(miss.ticket);
}

void StepLoop::demand(const SlabTicket& ticket) {
  transfers_.demand(ticket);
  if (captured_) captured_->changed(ticket.expert);
}

void StepLoop::left(std::span<const Evicted> evicted) {
  fates_.left(evicted);
  if (elsewhere_) elsewhere_->left(evicted);
  if (captured_) captured_->changed(evicted);
}

void StepLoop::launch_expert(LayerId layer, const Acquired& acquired, std::uint32_t tokens) {
  const std::span<const ExpertIndex> wanted = requests_.wanted();
  const ExpertIndex expert = acquired.ticket.expert;
  const auto at =
      static_cast<std::size_t>(std::lower_bound(wanted.begin(), wanted.end(), expert) - wanted.begin());
  const std::span<const std::uint32_t> rows = requests_.rows(at);
  if (acquired.outcome != Outcome::hit_on_time)
    device_.wait(compute_.id(), transfers_.ready(acquired.ticket.slab));
  ExpertOp op = model_.expert(tokens, requests_.first_output(at), static_cast<std::uint32_t>(rows.size()));
  op.slab = transfers_.slab_view(acquired.ticket.slab);
  op.source = store_.expert(expert);
  op.rows = rows;
  op.checksum = store_.checksum(expert);
  op.verify = options_.verify;
  device_.launch(compute_.id(), op, expert.value);
  transfers_.note_reads(acquired.ticket.slab);
  count(layer, acquired);
}

void StepLoop::count(LayerId layer, const Acquired& acquired) {
  for (LayerCounts* counts : {&metrics_.total, &metrics_.layers[layer.index()]}) {
    ++counts->requests;
    counts->hit_on_time += acquired.outcome == Outcome::hit_on_time ? 1U : 0U;
    counts->hit_late += acquired.outcome == Outcome::hit_late ? 1U : 0U;
    counts->miss += acquired.outcome == Outcome::miss ? 1U : 0U;
  }
  if (acquired.first_use_of_prefetch) {
    fates_.used(acquired.outcome == Outcome::hit_late);
    if (acquired.outcome == Outcome::hit_on_time) fates_.hid(store_.expert_bytes());
  }
  metrics_.slabs_verified += options_.verify ? 1U : 0U;
}

void StepLoop::count_elsewhere(LayerId layer) {
  for (LayerCounts* counts : {&metrics_.total, &metrics_.layers[layer.index()]}) {
    counts->host += elsewhere_->on_host().size();
    counts->in_place += elsewhere_->in_place().size();
    counts->requests += elsewhere_->on_host().size() + elsewhere_->in_place().size();
  }
}

void StepLoop::finish_step(std::span<const StepToken> tokens) {
  model_.end(tokens, compute_.id());
  device_.record(compute_.id(), step_done_.id());
  plan_prefetches();
  device_.synchronize(step_done_.id());
  if (!device_.info().has_bytes) return;
  const std::uint64_t outputs = model_.outputs_checksum(static_cast<std::uint32_t>(tokens.size()));
  metrics_.outputs_digest = metrics_.outputs_digest * 0x100000001b3ULL ^ outputs;
}

const ReplayMetrics& StepLoop::finish() {
  const std::uint64_t end_ns = device_.now_ns();
  transfers_.drain();
  transfers_.confirm_compute();
  const PassTotals all = totals();
  metrics_.total_ns = started_ ? end_ns - started_ns_ : 0;
  metrics_.compute_ns = all.compute_ns;
  metrics_.stall_ns = all.stall_ns;
  metrics_.bytes = all.bytes;
  metrics_.bytes.prefetch_wasted += cache_.unused_prefetches() * store_.expert_bytes();
  if (elsewhere_) {
    metrics_.host_ns = device_.times(elsewhere_->host().stream()).busy_ns - host_ns_at_start_;
    metrics_.activation_bytes = elsewhere_->host().activation_bytes();
  }
  metrics_.prefetches_issued = prefetcher_ ? prefetcher_->issued() : 0;
  metrics_.forecast_spared_layers = prefetcher_ ? prefetcher_->spared_layers() : 0;
  metrics_.prefetches_failed = transfers_.failed_prefetches();
  metrics_.prefetch_paused_layers = fates_.rested_layers();
  return metrics_;
}

}  // namespace prophet
