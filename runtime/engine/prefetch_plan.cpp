#include "runtime/engine/prefetch_plan.hpp"

#include <algorithm>
#include <limits>

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

/// Of one expert more, what the link does until its layer asks, in the time of a copy as a whole.
double PrefetchPlan::hidden_ns(std::uint32_t ahead) const noexcept {
  return std::clamp((ahead * link_.idle_ns - link_.start_ns - busy_ns_) / link_.slowdown, 0.0,
                    link_.expert_ns);
}

/// Of an expert that nobody will want.
double PrefetchPlan::loss_ns(double hidden_ns) const noexcept {
  const double half_a_chunk_ns = link_.demand_share * link_.chunk_ns / 2;
  return half_a_chunk_ns + wasted_price_ * hidden_ns + victim_chance_ * link_.expert_ns;
}

/// The more is hidden, the less of a chance is needed: what comes first of a layer sets the least.
double PrefetchPlan::chance_min(std::uint32_t ahead) const noexcept {
  const double hidden = hidden_ns(ahead);
  const double loss = loss_ns(hidden);
  return hidden > 0 ? (loss + held_up_ns()) / (hidden + loss) : std::numeric_limits<double>::infinity();
}

void PrefetchPlan::settle(std::size_t width) {
  const auto first = offers_.begin() + static_cast<std::ptrdiff_t>(settled_);
  std::sort(first, offers_.end(), [](const PrefetchOffer& a, const PrefetchOffer& b) {
    return a.probability != b.probability ? a.probability > b.probability : a.expert < b.expert;
  });
  const std::size_t settled_before = settled_;
  for (std::size_t i = settled_; i < offers_.size() && settled_ - settled_before < width; ++i) {
    PrefetchOffer offer = offers_[i];
    const double hidden = hidden_ns(offer.ahead);
    const double chance = offer.probability;
    offer.gain_ns = chance * hidden - (1 - chance) * loss_ns(hidden) - held_up_ns();
    if (hidden <= 0 || offer.gain_ns <= 0) break;  // nor does a less probable one
    busy_ns_ += link_.slowdown * link_.expert_ns;
    offers_[settled_++] = offer;
  }
  offers_.resize(settled_);
}

}  // namespace prophet
