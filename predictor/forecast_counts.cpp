#include "predictor/forecast_counts.hpp"

#include <algorithm>

namespace prophet {

void rank_most_probable(std::span<NamedExpert> experts, std::size_t count) {
  const auto last = experts.begin() + static_cast<std::ptrdiff_t>(std::min(count, experts.size()));
  std::partial_sort(experts.begin(), last, experts.end(), [](const NamedExpert& a, const NamedExpert& b) {
    return a.probability != b.probability ? a.probability > b.probability : a.expert < b.expert;
  });
}

NamedCounts& NamedCounts::operator+=(const NamedCounts& more) noexcept {
  wanted += more.wanted;
  absent += more.absent;
  absent_wanted += more.absent_wanted;
  return *this;
}

NamedCounts count_named(std::span<const NamedExpert> named,
                        std::span<const std::uint8_t> is_wanted) noexcept {
  NamedCounts counts;
  for (const NamedExpert& one : named) {
    const std::uint64_t wanted = is_wanted[one.expert.index()];
    counts.wanted += wanted;
    if (one.resident) continue;
    ++counts.absent;
    counts.absent_wanted += wanted;
  }
  return counts;
}

ForecastCounts& ForecastCounts::operator+=(const ForecastCounts& more) noexcept {
  wanted += more.wanted;
  recalled_at_k += more.recalled_at_k;
  recalled_at_2k += more.recalled_at_2k;
  absent_named += more.absent_named;
  absent_named_wanted += more.absent_named_wanted;
  return *this;
}

ForecastCounts count_at_k(std::span<const NamedExpert> ranked, std::span<const std::uint8_t> is_wanted,
                          std::size_t wanted) noexcept {
  const std::size_t k = std::min(wanted, ranked.size());
  const NamedCounts at_k = count_named(ranked.first(k), is_wanted);
  const NamedCounts behind =
      count_named(ranked.subspan(k, std::min(2 * wanted, ranked.size()) - k), is_wanted);
  return {wanted, at_k.wanted, at_k.wanted + behind.wanted, at_k.absent, at_k.absent_wanted};
}

}  // namespace prophet
