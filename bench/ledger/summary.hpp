#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "bench/ledger/validation.hpp"

namespace prophet::ledger {

/// How many claims of one kind in one document came to which verdict.
struct VerdictCount {
  std::string document;
  std::string kind;
  std::array<std::size_t, verdicts.size()> of{};  ///< [verdicts]
  std::size_t only_on_paper = 0;                  ///< Finding::holds_only_on_paper
  std::size_t changed = 0;                        ///< another verdict than the recorded one
  std::size_t other_reading = 0;                  ///< another verdict than the first reading's

  [[nodiscard]] std::size_t claims() const;
  void add(const VerdictCount& other);
};

/// One for each document and kind, in the order of the claims.
[[nodiscard]] std::vector<VerdictCount> count_verdicts(std::span<const Finding> findings);

}  // namespace prophet::ledger
