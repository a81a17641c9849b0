#include "runtime/cache/lru.hpp"

namespace prophet {

LruPolicy::LruPolicy(ExpertGrid grid) : links_(grid.size()), order_(links_), in_order_(grid.size(), 0) {}

void LruPolicy::begin_layer(LayerId, std::uint64_t) {}

void LruPolicy::lease(ExpertIndex expert) {
  withdraw(expert);
}

void LruPolicy::miss(ExpertIndex) {}

void LruPolicy::release(ExpertIndex expert) {
  order_.push_front(expert);
  in_order_[expert.index()] = 1;
}

void LruPolicy::admit_cold(ExpertIndex expert) {
  order_.push_back(expert);
  in_order_[expert.index()] = 1;
}

ExpertIndex LruPolicy::evict() {
  const ExpertIndex victim = order_.pop_back();
  in_order_[victim.index()] = 0;
  return victim;
}

void LruPolicy::withdraw(ExpertIndex expert) {
  order_.remove(expert);
  in_order_[expert.index()] = 0;
}

}  // namespace prophet
