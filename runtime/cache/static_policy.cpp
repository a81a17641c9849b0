#include "runtime/cache/static_policy.hpp"

#include <limits>

namespace prophet {
namespace {

constexpr std::uint64_t coldest = std::numeric_limits<std::uint64_t>::max();

}  // namespace

StaticPolicy::StaticPolicy(ExpertGrid grid, std::span<const std::uint64_t> popularity)
    : order_(grid.size()), popularity_(popularity.begin(), popularity.end()) {}

void StaticPolicy::begin_layer(LayerId, std::uint64_t) {}

void StaticPolicy::lease(ExpertIndex expert) {
  order_.remove(expert);
}

void StaticPolicy::miss(ExpertIndex) {}

void StaticPolicy::release(ExpertIndex expert) {
  order_.push(expert, coldest - popularity_[expert.index()]);
}

void StaticPolicy::admit_cold(ExpertIndex expert) {
  order_.push(expert, coldest);
}

ExpertIndex StaticPolicy::evict() {
  return order_.pop();
}

void StaticPolicy::withdraw(ExpertIndex expert) {
  order_.remove(expert);
}

}  // namespace prophet
