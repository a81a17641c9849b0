#include "runtime/cache/clairvoyant_cache.hpp"
#include "runtime/cache/miss_ratio_curve.hpp"
#include "runtime/cache/next_uses.hpp"

namespace prophet {

std::uint64_t belady_hits(const RequestGroups& requests, std::uint32_t slabs) {
  const std::vector<std::uint64_t> next = next_uses(requests);
  ClairvoyantCache cache(requests);
  std::uint64_t hits = 0;
  for (std::size_t at = 0; at < next.size(); ++at) {
    const ExpertIndex expert = requests.experts[at];
    hits += cache.holds(expert) ? 1U : 0U;
    cache.keep(expert, next[at]);
    cache.shrink_to(slabs);
    cache.pass(at + 1);
  }
  return hits;
}

std::uint64_t grouped_belady_hits(const RequestGroups& requests, std::uint32_t slabs) {
  const std::vector<std::uint64_t> next = next_uses(requests);
  ClairvoyantCache cache(requests);
  std::uint64_t hits = 0;
  for (std::size_t group = 0; group < requests.groups(); ++group) {
    for (const ExpertIndex expert : requests.group(group)) hits += cache.holds(expert) ? 1U : 0U;
    const std::uint64_t end = requests.offsets[group + 1];
    for (std::uint64_t at = requests.offsets[group]; at < end; ++at)
      cache.keep(requests.experts[at], next[at]);
    cache.shrink_to(slabs);
    cache.pass(end);
  }
  return hits;
}

}  // namespace prophet
