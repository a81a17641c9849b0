#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "prophet/error.hpp"
#include "runtime/cache/miss_ratio_curve.hpp"

namespace prophet {
namespace {

/// [popularity.size()] 1 for the `slabs` hottest; among equals the smaller index is the hotter.
std::vector<std::uint8_t> mark_hottest(std::span<const std::uint64_t> popularity, std::uint32_t slabs) {
  std::vector<std::size_t> order(popularity.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return popularity[a] > popularity[b]; });
  order.resize(std::min<std::size_t>(order.size(), slabs));
  std::vector<std::uint8_t> hot(popularity.size());
  for (const std::size_t expert : order) hot[expert] = 1;
  return hot;
}

}  // namespace

std::uint64_t static_hits(const RequestGroups& requests, std::span<const std::uint64_t> popularity,
                          std::uint32_t slabs) {
  if (popularity.size() != requests.grid.size()) {
    throw Error(ErrorCode::usage,
                fmt::format("popularity has {} entries: expected one for each of {} layers x {} experts",
                            popularity.size(), requests.grid.layers, requests.grid.experts));
  }
  const std::vector<std::uint8_t> hot = mark_hottest(popularity, slabs);
  std::uint64_t hits = 0;
  for (const ExpertIndex expert : requests.experts) hits += hot[expert.index()];
  return hits;
}

}  // namespace prophet
