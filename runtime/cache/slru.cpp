#include "runtime/cache/slru.hpp"

namespace prophet {

SlruPolicy::SlruPolicy(ExpertGrid grid, std::uint32_t cache_slabs)
    : links_(grid.size()),
      probation_(links_),
      protected_(links_),
      place_(grid.size(), Place::outside),
      protected_max_(
          static_cast<std::uint32_t>(std::uint64_t{cache_slabs} * protected_percent / std::uint64_t{100})) {}

void SlruPolicy::begin_layer(LayerId, std::uint64_t) {}

void SlruPolicy::lease(ExpertIndex expert) {
  const bool first_use = place_[expert.index()] == Place::cold;
  withdraw(expert);
  if (!first_use) place_[expert.index()] = Place::leased_for_protected;
}

void SlruPolicy::miss(ExpertIndex) {}

void SlruPolicy::release(ExpertIndex expert) {
  Place& place = place_[expert.index()];
  if (place != Place::leased_for_protected) {
    place = Place::probation;
    probation_.push_front(expert);
    return;
  }
  place = Place::protected_segment;
  protected_.push_front(expert);
  if (protected_.size() > protected_max_) {
    const ExpertIndex demoted = protected_.pop_back();
    place_[demoted.index()] = Place::probation;
    probation_.push_front(demoted);
  }
}

void SlruPolicy::admit_cold(ExpertIndex expert) {
  place_[expert.index()] = Place::cold;
  probation_.push_back(expert);
}

ExpertIndex SlruPolicy::evict() {
  const ExpertIndex victim = probation_.empty() ? protected_.pop_back() : probation_.pop_back();
  place_[victim.index()] = Place::outside;
  return victim;
}

void SlruPolicy::withdraw(ExpertIndex expert) {
  Place& place = place_[expert.index()];
  (place == Place::protected_segment ? protected_ : probation_).remove(expert);
  place = Place::outside;
}

}  // namespace prophet
