#include "runtime/engine/prefetcher.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "prophet/error.hpp"

namespace prophet {
namespace {

LinkWatch watch_of(const PrefetchOptions& options, const TransferQueue& transfers) {
  // The rule `named` does not ask; any rate will do.
  if (options.rule == PrefetchRule::paying && !(options.link_bytes_per_s > 0)) {
    throw Error(ErrorCode::usage,
                fmt::format("prefetches that pay: a link of {} bytes/s, expected more than 0",
                            options.link_bytes_per_s));
  }
  const double bytes_per_s = options.rule == PrefetchRule::paying ? options.link_bytes_per_s : 1.0;
  return {bytes_per_s, transfers.expert_bytes(), transfers.chunk_bytes(), options.chunk};
}

}  // namespace

PrefetchRule parse_prefetch_rule(std::string_view name) {
  if (name == "named") return PrefetchRule::named;
  if (name == "paying") return PrefetchRule::paying;
  throw Error(ErrorCode::usage, fmt::format("--prefetch {}: expected paying or named", name));
}

Prefetcher::Prefetcher(Predictor& predictor, ExpertCache& cache, TransferQueue& transfers,
                       PrefetchFates& fates, const PrefetchOptions& options)
    : predictor_(predictor),
      cache_(cache),
      transfers_(transfers),
      fates_(fates),
      options_(options),
      probability_(cache.grid().experts, 0.0F),
      here_(cache.grid().experts, 0),
      next_probability_(cache.grid().experts, 0.0F),
      next_here_(cache.grid().experts, 0),
      ranked_(cache.grid().experts),
      is_wanted_(cache.grid().experts, 0),
      plan_(options.lookahead_layers * cache.grid().experts, options.wasted_price),
      link_(watch_of(options, transfers)),
      asks_(options.lookahead_layers, 0) {}

bool Prefetcher::prepare(LayerId made_at) {
  for (std::uint32_t ahead = 1; ahead <= options_.lookahead_layers; ++ahead)
    asks_[ahead - 1] = lacks_some(target_of(made_at, ahead)) ? 1 : 0;
  if (!asks_any()) {
    ++spared_layers_;
    return false;
  }
  if (fates_.resting()) {
    std::fill(asks_.begin(), asks_.end(), std::uint8_t{0});
    return false;
  }
  for (std::uint32_t ahead = 1; ahead <= options_.lookahead_layers; ++ahead) {
    if (asks_[ahead - 1] != 0) predictor_.prepare(made_at, target_of(made_at, ahead));
  }
  return true;
}

bool Prefetcher::asks_any() const noexcept {
  return std::find(asks_.begin(), asks_.end(), std::uint8_t{1}) != asks_.end();
}

/// What is being copied for it may yet be given up, and so speaks for no layer.
bool Prefetcher::lacks_some(LayerId target) const noexcept {
  if (!cache_.has_all(target)) return true;
  return has_running_ && cache_.grid().layer(running_.expert) == target && cache_.is_loading(running_.expert);
}

void Prefetcher::run(LayerId made_at, std::uint64_t now_ns) {
  link_.layer_done(now_ns, transfers_.demand_stream_bytes());
  has_next_ = false;
  plan_.begin(link_.outlook(), cache_.victim_chance());
  if (!asks_any()) return;
  const bool pays = options_.rule == PrefetchRule::paying;
  for (std::uint32_t ahead = 1; ahead <= options_.lookahead_layers; ++ahead) {
    if (asks_[ahead - 1] == 0) continue;
    // The first is asked for whether or not there is time, because the score is of it.
    if (pays && ahead > 1 && !plan_.has_time(ahead)) continue;
    const LayerId target = target_of(made_at, ahead);
    if (!predictor_.forecast(made_at, target, probability_)) continue;
    cache_.mark_here(target, here_);
    if (ahead == 1) keep_for_score(target);
    pays ? offer(target, ahead) : queue_best(target);
  }
  if (!pays) return;
  reconsider_running();
  feed();
}

/// It is put in order once the layer has run: a plan needs no order of what it does not copy.
void Prefetcher::keep_for_score(LayerId next) {
  has_next_ = true;
  next_layer_ = next;
  std::copy(probability_.begin(), probability_.end(), next_probability_.begin());
  std::copy(here_.begin(), here_.end(), next_here_.begin());
}

void Prefetcher::interrupted() {
  plan_.clear();
  link_.interrupted();
}

void Prefetcher::rank(std::span<const float> probability, std::span<const std::uint8_t> here) {
  for (std::uint32_t e = 0; e < probability.size(); ++e)
    ranked_[e] = {ExpertId{e}, probability[e], here[e] != 0};
  rank_most_probable(ranked_, options_.ranked_experts != 0 ? options_.ranked_experts : ranked_.size());
}

void Prefetcher::queue_best(LayerId target) {
  rank(probability_, here_);
  const std::size_t width = std::min<std::size_t>(options_.width, ranked_.size());
  for (std::size_t i = 0; i < width; ++i) {
    if (ranked_[i].probability < options_.probability_min ||
        !queue(target, cache_.grid().index(target, ranked_[i].expert)))
      return;
  }
}

/// What is not here and may pay, and what is being copied: its chance may have changed.
void Prefetcher::offer(LayerId target, std::uint32_t ahead) {
  const double chance_min = plan_.chance_min(ahead);
  if (has_running_ && cache_.grid().layer(running_.expert) == target)
    here_[cache_.grid().key(running_.expert).expert.index()] = 0;
  for (std::uint32_t e = 0; e < probability_.size(); ++e) {
    if (here_[e] != 0 || probability_[e] < chance_min) continue;
    plan_.offer({cache_.grid().index(target, ExpertId{e}), target, ahead, probability_[e], 0});
  }
  plan_.settle(options_.width);
}

/// What is being copied for a layer to come is given up when the plan no longer has it.
void Prefetcher::reconsider_running() {
  if (!has_running_) return;
  const std::span<const PrefetchOffer> rest = plan_.rest();
  const bool pays = std::any_of(rest.begin(), rest.end(),
                                [&](const PrefetchOffer& offer) { return offer.expert == running_.expert; });
  if (pays) return;
  has_running_ = false;
  if (transfers_.drop(running_)) fates_.dropped(1);
}

void Prefetcher::feed() {
  while (!plan_.rest().empty() && transfers_.queued() == 0) {
    const PrefetchOffer next = plan_.rest().front();
    plan_.pass();
    if (!queue(next.target, next.expert)) {
      plan_.clear();
      return;
    }
    transfers_.pump();
  }
}

bool Prefetcher::queue(LayerId target, ExpertIndex expert) {
  if (cache_.find(expert)) return true;
  if (!transfers_.has_room()) return false;
  const std::optional<SlabTicket> ticket = cache_.reserve_prefetch(expert);
  if (!ticket) return false;
  fates_.left(cache_.evicted_by_prefetch());
  transfers_.prefetch(*ticket, target);
  running_ = *ticket;
  has_running_ = true;
  ++issued_;
  return true;
}

void Prefetcher::score(LayerId layer, std::span<const ExpertIndex> wanted, ForecastCounts& total,
                       ForecastCounts& of_layer) {
  if (!has_next_ || next_layer_ != layer) return;
  has_next_ = false;  // it was made for one pass: a prefill pass and the decode step behind it are two
  const auto mark = [&](std::uint8_t wants) {
    for (const ExpertIndex e : wanted) is_wanted_[cache_.grid().key(e).expert.index()] = wants;
  };
  mark(1);
  rank(next_probability_, next_here_);
  const ForecastCounts counts = count_at_k(ranked_, is_wanted_, wanted.size());
  mark(0);
  total += counts;
  of_layer += counts;
}

}  // namespace prophet
