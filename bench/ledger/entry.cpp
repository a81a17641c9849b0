#include "bench/ledger/entry.hpp"

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
  for (const Verdict verdict : verdicts) {
    if (name == verdict_name(verdict)) return verdict;
  }
  return std::nullopt;
}

bool agrees_with_first_reading(const Entry& entry) noexcept {
  if (entry.first_reading == "consistent") return entry.recorded == Verdict::reproduced;
  if (entry.first_reading == "inconsistent") return entry.recorded == Verdict::contradicted;
  if (entry.first_reading == "underdetermined") return entry.recorded == Verdict::underdetermined;
  return entry.recorded != Verdict::underdetermined;
}

}  // namespace prophet::ledger
