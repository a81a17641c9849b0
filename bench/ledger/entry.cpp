#include "bench/ledger/entry.hpp"

#include <algorithm>

namespace prophet::ledger {

const char* basis_name(Basis basis) noexcept {
  constexpr std::array names = {"study", "real", "measured"};
  return names[static_cast<std::size_t>(basis)];
}

const char* verdict_name(Verdict verdict) noexcept {
  constexpr std::array names = {"reproduced", "contradicted", "underdetermined", "needs a GPU",
                                "not measurable"};
  return names[static_cast<std::size_t>(verdict)];
}

std::optional<Verdict> find_verdict(std::string_view name) noexcept {
  const auto same = [](char given, char known) { return given == known || (known == ' ' && given == '_'); };
  const auto is = [&](std::string_view known) {
    return std::equal(name.begin(), name.end(), known.begin(), known.end(), same);
  };
  for (const Verdict verdict : verdicts) {
    if (is(verdict_name(verdict))) return verdict;
  }
  return name == "needs_a_gpu" ? std::optional(Verdict::needs_gpu) : std::nullopt;
}

bool agrees_with_first_reading(const Entry& entry) noexcept {
  if (entry.first_reading == "consistent") return entry.recorded == Verdict::reproduced;
  if (entry.first_reading == "inconsistent") return entry.recorded == Verdict::contradicted;
  if (entry.first_reading == "underdetermined") return entry.recorded == Verdict::underdetermined;
  return entry.recorded != Verdict::underdetermined;
}

}  // namespace prophet::ledger
