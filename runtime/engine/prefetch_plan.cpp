#include "runtime/engine/prefetch_plan.hpp"

#include <algorithm>

namespace prophet {

PrefetchPlan::PrefetchPlan(std::uint32_t offers_max, double wasted_price) : wasted_price_(wasted_price) {
  offers_.reserve(offers_max);
}

void PrefetchPlan::settle(const LinkOutlook& link, double victim_chance) {
  std::sort(offers_.begin(), offers_.end(), [](const PrefetchOffer& a, const PrefetchOffer& b) {
    if (a.ahead != b.ahead) return a.ahead < b.ahead;
    return a.probability != b.probability ? a.probability > b.probability : a.expert < b.expert;
  });
  const double half_a_chunk_ns = link.demand_share * link.chunk_ns / 2;
  double busy_ns = 0;  // until the link has done what goes before
  std::size_t kept = 0;
  for (PrefetchOffer offer : offers_) {
    const double hidden_ns = std::clamp(offer.ahead * link.idle_ns - busy_ns, 0.0, link.expert_ns);
    const double chance = offer.probability;
    offer.gain_ns = chance * hidden_ns - (1 - chance) * (half_a_chunk_ns + wasted_price_ * hidden_ns +
                                                         victim_chance * link.expert_ns);
    if (hidden_ns <= 0 || offer.gain_ns <= 0) continue;
    busy_ns += link.expert_ns;
    offers_[kept++] = offer;
  }
  offers_.resize(kept);
  next_ = 0;
}

}  // namespace prophet
