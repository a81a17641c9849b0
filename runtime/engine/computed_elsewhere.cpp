#include "runtime/engine/computed_elsewhere.hpp"

#include <algorithm>

#include "runtime/engine/measure_misses.hpp"

namespace prophet {
namespace {

/// Of fills that do not seem to pay, every so many goes on.
constexpr std::uint32_t fills_per_probe = 32;

}  // namespace

ComputedElsewhere::ComputedElsewhere(Device& device, const HostStore& store, const StepModel& model,
                                     const SlabMemory& slabs, const MissOptions& options)
    : device_(device),
      store_(store),
      model_(model),
      options_(options),
      host_(device, store, model, options.tokens_max),
      costs_(measure_miss_costs(device, store, model, host_,
                                slabs.bytes().slice(0, slabs.arena().expert_bytes))),
      ways_(model.workload().grid.experts),
      gain_(model.workload().grid.size()) {
  const std::uint32_t experts = model.workload().grid.experts;
  missing_.reserve(experts);
  missing_rows_.reserve(experts);
  chosen_.reserve(experts);
  to_acquire_.reserve(experts);
  to_copy_.reserve(experts);
  on_host_.reserve(experts);
  in_place_.reserve(experts);
  to_keep_.reserve(experts);
}

std::span<const ExpertIndex> ComputedElsewhere::choose(const LayerRequests& requests,
                                                       const ExpertCache& cache,
                                                       const TransferQueue& transfers, std::uint64_t step) {
  gain_.begin_layer();
  missing_.clear();
  missing_rows_.clear();
  to_acquire_.clear();
  to_copy_.clear();
  to_keep_.clear();
  on_host_.clear();
  in_place_.clear();
  const std::span<const ExpertIndex> wanted = requests.wanted();
  LayerMisses misses;
  double late = 0;
  for (std::uint32_t at = 0; at < wanted.size(); ++at) {
    const bool is_here = cache.find(wanted[at]).has_value();
    gain_.wanted(wanted[at], is_here, step);
    if (is_here) {
      ++misses.on_device;
      late += cache.is_loading(wanted[at]) ? 1 : 0;
      continue;
    }
    missing_.push_back(at);
    missing_rows_.push_back(static_cast<std::uint32_t>(requests.rows(at).size()));
  }
  misses.rows = missing_rows_;
  // To have it there the next time, it could as well be computed on the host and filled in.
  misses.copy_worth_ns = std::min(worth_ns(), fill_ns());
  misses.link_busy_ns = costs_.copy_ns * (late + static_cast<double>(transfers.bytes_in_flight()) /
                                                     static_cast<double>(store_.expert_bytes()));
  choose_ways(misses);
  std::size_t next = 0;
  for (std::uint32_t at = 0; at < wanted.size(); ++at) {
    const bool is_missing = next < missing_.size() && missing_[next] == at;
    const MissWay way = is_missing ? chosen_[next++] : MissWay::copy;
    if (is_missing && way == MissWay::copy) to_copy_.push_back(wanted[at]);
    if (way == MissWay::copy) to_acquire_.push_back(wanted[at]);
    if (way == MissWay::host) on_host_.push_back(at);
    if (way == MissWay::in_place) in_place_.push_back(at);
  }
  return to_acquire_;
}

void ComputedElsewhere::choose_ways(const LayerMisses& misses) {
  if (options_.mode == MissMode::automatic) {
    const std::span<const MissWay> best = ways_.choose(costs_, misses);
    chosen_.assign(best.begin(), best.end());
    return;
  }
  chosen_.assign(misses.rows.size(), options_.mode == MissMode::host ? MissWay::host : MissWay::in_place);
}

void ComputedElsewhere::start(LayerId layer, const LayerRequests& requests, std::uint32_t tokens,
                              StreamId compute) {
  if (!on_host_.empty()) host_.start(layer, requests, on_host_, tokens);
  for (const std::uint32_t at : in_place_) {
    const ExpertIndex expert = requests.wanted()[at];
    const std::span<const std::uint32_t> rows = requests.rows(at);
    ExpertOp op = model_.expert(tokens, requests.first_output(at), static_cast<std::uint32_t>(rows.size()));
    op.slab = op.source = store_.expert(expert);
    op.rows = rows;
    device_.launch(compute, op, expert.value);
  }
}

void ComputedElsewhere::finish(StreamId compute) {
  if (!on_host_.empty()) host_.bring_results(compute);
}

std::span<const ExpertIndex> ComputedElsewhere::to_keep(const LayerRequests& requests,
                                                        const TransferQueue& transfers) {
  if (options_.mode != MissMode::automatic) return to_keep_;
  std::uint32_t queued = transfers.queued();
  for (const std::uint32_t at : on_host_) {
    if (queued++ >= options_.fills_queued_max || !filling_pays()) break;
    to_keep_.push_back(requests.wanted()[at]);
  }
  return to_keep_;
}

double ComputedElsewhere::worth_ns() const noexcept {
  const double spared_ns = std::min(costs_.copy_ns, costs_.host_ns) - costs_.resident_ns;
  return gain_.uses() * std::max(0.0, spared_ns);
}

/// While the link carries weights, the host's cores compute at a share of their rate.
double ComputedElsewhere::fill_ns() const noexcept {
  return costs_.copy_ns * costs_.copy_slowdown * (1 - 1 / costs_.host_slowdown);
}

/// Of what does not seem to pay, a few go on, so that it is noticed when things have changed.
bool ComputedElsewhere::filling_pays() noexcept {
  if (worth_ns() <= fill_ns() && ++fills_held_back_ < fills_per_probe) return false;
  fills_held_back_ = 0;
  return true;
}

void ComputedElsewhere::left(std::span<const Evicted> evicted) noexcept {
  for (const Evicted& e : evicted) gain_.left(e.ticket.expert);
}

void ComputedElsewhere::end_layer(const ExpertCache& cache, std::uint64_t step) noexcept {
  for (const ExpertIndex expert : to_copy_) gain_.came(expert, step);
  for (const ExpertIndex expert : to_keep_) {
    if (cache.find(expert))
      gain_.came(expert, step);  // others the policy has dropped before a byte was copied
  }
}

}  // namespace prophet
