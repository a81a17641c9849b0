#include "tests/cache/curve/naive.hpp"

#include <algorithm>
#include <bit>
#include <list>
#include <set>
#include <utility>

namespace prophet::test {
namespace {

constexpr std::uint64_t never = ~std::uint64_t{0};

/// The next group after `group` that wants `expert`, or never.
std::uint64_t next_group(const RequestGroups& requests, std::size_t group, ExpertIndex expert) {
  for (std::size_t g = group + 1; g < requests.groups(); ++g) {
    const auto wanted = requests.group(g);
    if (std::find(wanted.begin(), wanted.end(), expert) != wanted.end()) return g;
  }
  return never;
}

/// The same requests, each a group of its own.
RequestGroups one_by_one(const RequestGroups& requests) {
  RequestGroups single;
  single.grid = requests.grid;
  for (const ExpertIndex& expert : requests.experts) single.append({&expert, 1});
  return single;
}

void drop_furthest(std::set<std::pair<std::uint64_t, ExpertIndex>>& kept, std::uint32_t slabs) {
  while (kept.size() > slabs) kept.erase(std::prev(kept.end()));
}

using Mask = std::uint32_t;

Mask mask_of(std::span<const ExpertIndex> experts) {
  Mask mask = 0;
  for (const ExpertIndex expert : experts) mask |= Mask{1} << expert.value;
  return mask;
}

std::uint32_t count(Mask mask) {
  return static_cast<std::uint32_t>(std::popcount(mask));
}

/// Gives each set of at most `slabs` experts out of `from` the hits, if they are more than what it has.
void offer_subsets(std::vector<std::int64_t>& best, Mask from, std::int64_t hits, std::uint32_t slabs) {
  for (Mask kept = from;; kept = (kept - 1) & from) {
    if (count(kept) <= slabs) best[kept] = std::max(best[kept], hits);
    if (kept == 0) return;
  }
}

}  // namespace

std::uint64_t simulate_lru(const RequestGroups& requests, std::uint32_t slabs) {
  std::list<ExpertIndex> stack;
  std::uint64_t hits = 0;
  for (const ExpertIndex expert : requests.experts) {
    const auto found = std::find(stack.begin(), stack.end(), expert);
    if (found != stack.end()) {
      ++hits;
      stack.erase(found);
    }
    stack.push_front(expert);
    if (stack.size() > slabs) stack.pop_back();
  }
  return hits;
}

std::vector<std::uint64_t> count_depths(const RequestGroups& requests) {
  std::vector<std::uint64_t> depths(std::size_t{requests.grid.size()} + 1);
  std::vector<ExpertIndex> stack;
  for (const ExpertIndex expert : requests.experts) {
    const auto found = std::find(stack.begin(), stack.end(), expert);
    if (found == stack.end()) {
      ++depths[0];
      stack.insert(stack.begin(), expert);
    } else {
      ++depths[static_cast<std::size_t>(found - stack.begin()) + 1];
      std::rotate(stack.begin(), found, found + 1);
    }
  }
  return depths;
}

std::uint64_t simulate_belady(const RequestGroups& requests, std::uint32_t slabs) {
  return simulate_grouped_belady(one_by_one(requests), slabs);
}

std::uint64_t simulate_grouped_belady(const RequestGroups& requests, std::uint32_t slabs) {
  std::set<std::pair<std::uint64_t, ExpertIndex>> kept;
  std::uint64_t hits = 0;
  for (std::size_t group = 0; group < requests.groups(); ++group) {
    for (const ExpertIndex expert : requests.group(group)) {
      hits += static_cast<std::uint64_t>(std::erase_if(kept, [&](auto& k) { return k.second == expert; }));
    }
    for (const ExpertIndex expert : requests.group(group)) {
      kept.emplace(next_group(requests, group, expert), expert);
    }
    drop_furthest(kept, slabs);
  }
  return hits;
}

std::uint64_t best_hits(const RequestGroups& requests, std::uint32_t slabs) {
  return best_grouped_hits(one_by_one(requests), slabs);
}

std::uint64_t best_grouped_hits(const RequestGroups& requests, std::uint32_t slabs) {
  std::vector<std::int64_t> best(std::size_t{1} << requests.grid.size(), -1);
  best[0] = 0;
  for (std::size_t group = 0; group < requests.groups(); ++group) {
    const Mask wanted = mask_of(requests.group(group));
    std::vector<std::int64_t> after(best.size(), -1);
    for (Mask held = 0; held < best.size(); ++held) {
      if (best[held] < 0) continue;
      const auto hits = requests.is_prefill(group) ? 0 : count(held & wanted);
      offer_subsets(after, held | wanted, best[held] + hits, slabs);
    }
    best = std::move(after);
  }
  return static_cast<std::uint64_t>(*std::max_element(best.begin(), best.end()));
}

}  // namespace prophet::test
