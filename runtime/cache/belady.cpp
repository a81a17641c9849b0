#include "runtime/cache/belady.hpp"

#include <limits>
#include <numeric>

#include "runtime/cache/next_uses.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t goes_first = std::numeric_limits<std::uint64_t>::max();

}  // namespace

BeladyPolicy::BeladyPolicy(const RequestGroups& future)
    : future_(future),
      order_(future.grid.size()),
      use_after_(next_uses(future)),
      next_use_(future.grid.size()) {
  std::iota(next_use_.begin(), next_use_.end(), std::uint64_t{future.requests()});
  for (std::size_t at = future.requests(); at-- > 0;) next_use_[future.experts[at].index()] = at;
}

void BeladyPolicy::begin_layer(LayerId, std::uint64_t) {
  if (groups_begun_ == future_.groups()) return;
  const std::size_t group = groups_begun_++;
  for (std::uint64_t at = future_.offsets[group]; at < future_.offsets[group + 1]; ++at) {
    next_use_[future_.experts[at].index()] = use_after_[at];
  }
}

void BeladyPolicy::lease(ExpertIndex expert) {
  order_.remove(expert);
}

void BeladyPolicy::miss(ExpertIndex) {}

void BeladyPolicy::release(ExpertIndex expert) {
  order_.push(expert, next_use_[expert.index()]);
}

void BeladyPolicy::admit_cold(ExpertIndex expert) {
  order_.push(expert, goes_first);
}

ExpertIndex BeladyPolicy::evict() {
  return order_.pop();
}

void BeladyPolicy::withdraw(ExpertIndex expert) {
  order_.remove(expert);
}

}  // namespace prophet
