#include "bench/ledger/summary.hpp"

#include <algorithm>
#include <numeric>

namespace prophet::ledger {

std::size_t VerdictCount::claims() const {
  return std::accumulate(of.begin(), of.end(), std::size_t{0});
}

void VerdictCount::add(const VerdictCount& other) {
  for (std::size_t i = 0; i < of.size(); ++i) of[i] += other.of[i];
  only_on_paper += other.only_on_paper;
  changed += other.changed;
  other_reading += other.other_reading;
}

std::vector<VerdictCount> count_verdicts(std::span<const Finding> findings) {
  std::vector<VerdictCount> counts;
  for (const Finding& finding : findings) {
    const Claim& claim = finding.entry->claim;
    auto count = std::find_if(counts.begin(), counts.end(), [&](const VerdictCount& each) {
      return each.document == claim.document && each.kind == claim.kind;
    });
    if (count == counts.end()) {
      VerdictCount first;
      first.document = claim.document;
      first.kind = claim.kind;
      count = counts.insert(counts.end(), first);
    }
    ++count->of[static_cast<std::size_t>(finding.verdict)];
    count->only_on_paper += finding.holds_only_on_paper() ? 1 : 0;
    count->changed += finding.is_changed() ? 1 : 0;
    count->other_reading += agrees_with_first_reading(*finding.entry) ? 0 : 1;
  }
  return counts;
}

}  // namespace prophet::ledger
