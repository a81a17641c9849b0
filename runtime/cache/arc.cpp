#include "runtime/cache/arc.hpp"

#include <algorithm>
#include <cassert>

namespace prophet {

ArcPolicy::ArcPolicy(ExpertGrid grid, std::uint32_t cache_slabs)
    : links_(grid.size()),
      t1_(links_),
      t2_(links_),
      b1_(links_),
      b2_(links_),
      cold_(links_),
      place_(grid.size(), Place::unknown),
      cache_slabs_(cache_slabs) {}

void ArcPolicy::begin_layer(LayerId, std::uint64_t) {}

void ArcPolicy::lease(ExpertIndex expert) {
  // A cold expert was never used: its first use is a first use.
  const bool first_use = place_[expert.index()] == Place::cold;
  remove(expert);
  place_[expert.index()] = first_use ? Place::leased_for_t1 : Place::leased_for_t2;
}

void ArcPolicy::miss(ExpertIndex expert) {
  const Place place = place_[expert.index()];
  last_miss_was_in_b2_ = place == Place::b2;
  if (place == Place::b1) {
    const std::uint32_t step = std::max(1U, b2_.size() / b1_.size());
    t1_target_ = std::min(cache_slabs_, t1_target_ + step);
  } else if (place == Place::b2) {
    const std::uint32_t step = std::max(1U, b1_.size() / b2_.size());
    t1_target_ -= std::min(t1_target_, step);
  }
  const bool remembered = place == Place::b1 || place == Place::b2;
  if (remembered) remove(expert);
  place_[expert.index()] = remembered ? Place::leased_for_t2 : Place::leased_for_t1;
}

void ArcPolicy::release(ExpertIndex expert) {
  if (place_[expert.index()] == Place::leased_for_t2) {
    push(t2_, Place::t2, expert);
  } else {
    push(t1_, Place::t1, expert);
  }
  trim_ghosts();
}

void ArcPolicy::admit_cold(ExpertIndex expert) {
  const Place place = place_[expert.index()];
  if (place == Place::b1 || place == Place::b2) remove(expert);
  place_[expert.index()] = Place::cold;
  cold_.push_back(expert);
}

ExpertIndex ArcPolicy::evict() {
  if (!cold_.empty()) return forget_oldest(cold_);
  const bool t1_is_over =
      t1_.size() > t1_target_ || (last_miss_was_in_b2_ && t1_.size() == t1_target_) || t2_.empty();
  const bool from_t1 = !t1_.empty() && t1_is_over;
  const ExpertIndex victim = (from_t1 ? t1_ : t2_).pop_back();
  if (from_t1) {
    push(b1_, Place::b1, victim);
  } else {
    push(b2_, Place::b2, victim);
  }
  trim_ghosts();
  return victim;
}

void ArcPolicy::withdraw(ExpertIndex expert) {
  remove(expert);
  place_[expert.index()] = Place::unknown;
}

bool ArcPolicy::contains(ExpertIndex expert) const noexcept {
  const Place place = place_[expert.index()];
  return place == Place::t1 || place == Place::t2 || place == Place::cold;
}

IndexList& ArcPolicy::list_of(Place place) noexcept {
  switch (place) {
    case Place::t1:
      return t1_;
    case Place::t2:
      return t2_;
    case Place::b1:
      return b1_;
    case Place::b2:
      return b2_;
    default:
      assert(place == Place::cold);
      return cold_;
  }
}

void ArcPolicy::remove(ExpertIndex expert) {
  list_of(place_[expert.index()]).remove(expert);
}

void ArcPolicy::push(IndexList& list, Place place, ExpertIndex expert) {
  list.push_front(expert);
  place_[expert.index()] = place;
}

ExpertIndex ArcPolicy::forget_oldest(IndexList& list) {
  const ExpertIndex expert = list.pop_back();
  place_[expert.index()] = Place::unknown;
  return expert;
}

void ArcPolicy::trim_ghosts() {
  while (!b1_.empty() && t1_.size() + b1_.size() > cache_slabs_) forget_oldest(b1_);
  const auto remembered = [this] { return t1_.size() + t2_.size() + b1_.size() + b2_.size(); };
  while (!b2_.empty() && remembered() > 2 * cache_slabs_) forget_oldest(b2_);
}

}  // namespace prophet
