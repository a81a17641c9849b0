#include "runtime/cache/static_policy.hpp"

#include <algorithm>
#include <limits>

namespace prophet {
namespace {

constexpr std::uint64_t goes_first = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t coldest = goes_first - 1;  // of no request at all

}  // namespace

StaticPolicy::StaticPolicy(ExpertGrid grid, std::span<const std::uint64_t> popularity) : order_(grid.size()) {
  coldness_.reserve(popularity.size());
  for (const std::uint64_t requests : popularity) coldness_.push_back(coldest - std::min(requests, coldest));
}

void StaticPolicy::begin_layer(LayerId, std::uint64_t) {}

void StaticPolicy::lease(ExpertIndex expert) {
  order_.remove(expert);
}

void StaticPolicy::miss(ExpertIndex) {}

void StaticPolicy::release(ExpertIndex expert) {
  order_.push(expert, coldness_[expert.index()]);
}

void StaticPolicy::admit_cold(ExpertIndex expert) {
  order_.push(expert, goes_first);
}

ExpertIndex StaticPolicy::evict() {
  return order_.pop();
}

void StaticPolicy::withdraw(ExpertIndex expert) {
  order_.remove(expert);
}

}  // namespace prophet
