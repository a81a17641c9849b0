#include "runtime/engine/prefetch_plan.hpp"

#include <algorithm>

namespace prophet {

PrefetchPlan::PrefetchPlan(std::uint32_t offers_max, double wasted_price) : wasted_price_(wasted_price) {
  offers_.reserve(offers_max);
}

void PrefetchPlan::begin(const LinkOutlook& link, double victim_chance) noexcept {
  clear();
  link_ = link;
  victim_chance_ = victim_chance;
  busy_ns_ = 0;
}

void PrefetchPlan::settle() {
  const auto first = offers_.begin() + static_cast<std::ptrdiff_t>(settled_);
  std::sort(first, offers_.end(), [](const PrefetchOffer& a, const PrefetchOffer& b) {
    return a.probability != b.probability ? a.probability > b.probability : a.expert < b.expert;
  });
  const double half_a_chunk_ns = link_.demand_share * link_.chunk_ns / 2;
  for (std::size_t i = settled_; i < offers_.size(); ++i) {
    PrefetchOffer offer = offers_[i];
    const double hidden_ns = std::clamp(offer.ahead * link_.idle_ns - busy_ns_, 0.0, link_.expert_ns);
    const double chance = offer.probability;
    offer.gain_ns = chance * hidden_ns - (1 - chance) * (half_a_chunk_ns + wasted_price_ * hidden_ns +
                                                         victim_chance_ * link_.expert_ns);
    if (hidden_ns <= 0 || offer.gain_ns <= 0) continue;
    busy_ns_ += link_.expert_ns;
    offers_[settled_++] = offer;
  }
  offers_.resize(settled_);
}

}  // namespace prophet
