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

namespace {

/// [requests]: whether each is of a prefill pass.
std::vector<bool> prefill_requests(const RequestGroups& requests) {
  std::vector<bool> of_prefill(requests.requests());
  for (std::size_t group = 0; group < requests.groups(); ++group) {
    for (std::uint64_t at = requests.offsets[group]; at < requests.offsets[group + 1]; ++at)
      of_prefill[at] = requests.is_prefill(group);
  }
  return of_prefill;
}

}  // namespace

/// An expert that a prefill pass wants before any decode step does comes back for nothing then: it need not
/// be kept until then.
DecodeHits grouped_belady_decode_hits(const RequestGroups& requests, std::uint32_t slabs) {
  const std::vector<std::uint64_t> next = next_uses(requests);
  const std::vector<bool> of_prefill = prefill_requests(requests);
  ClairvoyantCache cache(requests);
  DecodeHits counted;
  for (std::size_t group = 0; group < requests.groups(); ++group) {
    const std::uint64_t end = requests.offsets[group + 1];
    if (!requests.is_prefill(group)) {
      counted.requests += end - requests.offsets[group];
      for (const ExpertIndex expert : requests.group(group)) counted.hits += cache.holds(expert) ? 1U : 0U;
    }
    for (std::uint64_t at = requests.offsets[group]; at < end; ++at) {
      if (next[at] < of_prefill.size() && of_prefill[next[at]]) {
        cache.leave(requests.experts[at]);
      } else {
        cache.keep(requests.experts[at], next[at]);
      }
    }
    cache.shrink_to(slabs);
    cache.pass(end);
  }
  return counted;
}

}  // namespace prophet
