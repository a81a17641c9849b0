#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/ledger/entry.hpp"

namespace prophet::ledger {

/// What one basis gives for a claim.
struct BasisAnswer {
  bool asked = false;           ///< the entry has an expression for it
  std::optional<double> value;  ///< in the claim's unit
  std::string why_none;         ///< "enabled", say
  bool agrees = false;          ///< with the claim, as exactly as it is printed
  bool simulated = false;       ///< a recording of simulated times is in it
};

/// A claim after it was computed again.
struct Finding {
  const Entry* entry = nullptr;
  std::array<BasisAnswer, bases.size()> answers;  ///< [bases]
  Verdict verdict = Verdict::underdetermined;
  std::vector<std::string> recordings;  ///< ids of the measurements that were asked for
  std::string command;                  ///< that repeats it

  [[nodiscard]] const BasisAnswer& of(Basis basis) const { return answers[static_cast<std::size_t>(basis)]; }
  [[nodiscard]] bool is_changed() const { return verdict != entry->recorded; }
  /// The study's own formula gives the number, and the architecture does not.
  [[nodiscard]] bool holds_only_on_paper() const {
    return verdict == Verdict::reproduced && of(Basis::real).asked && !of(Basis::real).agrees;
  }
};

/// Computes every entry again by each basis it has an expression for. The findings point to the entries.
/// Throws Error{bad_input} that names file, line and column of an expression that cannot be evaluated.
[[nodiscard]] std::vector<Finding> validate(std::span<const Entry> entries);

}  // namespace prophet::ledger
