#include "runtime/engine/prefetcher.hpp"

#include <algorithm>

namespace prophet {

Prefetcher::Prefetcher(Predictor& predictor, ExpertCache& cache, TransferQueue& transfers,
                       PrefetchFates& fates, const PrefetchOptions& options)
    : predictor_(predictor),
      cache_(cache),
      transfers_(transfers),
      fates_(fates),
      options_(options),
      probability_(cache.grid().experts, 0.0F),
      ranked_(cache.grid().experts),
      next_ranked_(cache.grid().experts),
      is_wanted_(cache.grid().experts, 0) {}

void Prefetcher::run(LayerId made_at) {
  const bool resting = fates_.resting();
  has_next_ = false;
  for (std::uint32_t ahead = 1; ahead <= options_.lookahead_layers; ++ahead) {
    const LayerId target{(made_at.value + ahead) % cache_.grid().layers};
    if (!rank(made_at, target)) continue;
    if (ahead == 1) {
      has_next_ = true;
      next_layer_ = target;
      std::copy(ranked_.begin(), ranked_.end(), next_ranked_.begin());
    }
    if (!resting) queue_best(target);
  }
}

bool Prefetcher::rank(LayerId made_at, LayerId target) {
  if (!predictor_.forecast(made_at, target, probability_)) return false;
  for (std::uint32_t e = 0; e < probability_.size(); ++e) {
    const ExpertIndex expert = cache_.grid().index(target, ExpertId{e});
    ranked_[e] = {ExpertId{e}, probability_[e], cache_.find(expert).has_value()};
  }
  rank_most_probable(ranked_, ranked_.size());
  return true;
}

void Prefetcher::queue_best(LayerId target) {
  const std::size_t width = std::min<std::size_t>(options_.width, ranked_.size());
  for (std::size_t i = 0; i < width; ++i) {
    if (ranked_[i].probability < options_.probability_min ||
        !queue(target, cache_.grid().index(target, ranked_[i].expert)))
      return;
  }
}

bool Prefetcher::queue(LayerId target, ExpertIndex expert) {
  if (cache_.find(expert)) return true;
  if (!transfers_.has_room()) return false;
  const std::optional<SlabTicket> ticket = cache_.reserve_prefetch(expert);
  if (!ticket) return false;
  fates_.left(cache_.evicted_by_prefetch());
  transfers_.prefetch(*ticket, target);
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
  const ForecastCounts counts = count_at_k(next_ranked_, is_wanted_, wanted.size());
  mark(0);
  total += counts;
  of_layer += counts;
}

}  // namespace prophet
