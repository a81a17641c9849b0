#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bench/ledger/claim.hpp"

namespace prophet::ledger {

/// What a value of a claim is computed from. Nothing is ever taken from two of them.
enum class Basis : std::uint8_t {
  study,     ///< the study's own formula with its own inputs
  real,      ///< the architecture as it is
  measured,  ///< what a run of this project gave
};
inline constexpr std::array bases = {Basis::study, Basis::real, Basis::measured};
/// "study"
[[nodiscard]] const char* basis_name(Basis basis) noexcept;

/// What became of a printed number.
enum class Verdict : std::uint8_t {
  reproduced,       ///< the basis that decides gives it, as exactly as it is printed
  contradicted,     ///< that basis gives another one
  underdetermined,  ///< an input or a definition is printed nowhere
  needs_gpu,        ///< only a run on a GPU can tell
  not_measurable,   ///< no run and no arithmetic can
};
inline constexpr std::array verdicts = {Verdict::reproduced, Verdict::contradicted, Verdict::underdetermined,
                                        Verdict::needs_gpu, Verdict::not_measurable};
/// "needs a GPU"
[[nodiscard]] const char* verdict_name(Verdict verdict) noexcept;
/// Also as results spell it in keys, "needs_a_gpu". None for another name.
[[nodiscard]] std::optional<Verdict> find_verdict(std::string_view name) noexcept;

/// A claim with all that is known of it: how each basis gives it, and what was found before.
struct Entry {
  Claim claim;
  std::optional<double> within;  ///< how far a value may be off, where the claim is printed as approximate
  std::array<std::string, bases.size()> expressions;  ///< [bases], in the language of expression.hpp, or ""
  std::optional<Basis> decides;                       ///< none: no value can
  Verdict recorded = Verdict::underdetermined;
  std::string first_reading;  ///< what a reader of the documents had found, before anything was computed
  std::string reason;
  std::string where;  ///< file and line, for errors

  [[nodiscard]] const std::string& expression(Basis basis) const {
    return expressions[static_cast<std::size_t>(basis)];
  }
};

/// True where the verdict and the first reading say the same: "consistent" is reproduced, "inconsistent"
/// contradicted, "underdetermined" itself, and "needs_measurement" anything but underdetermined.
[[nodiscard]] bool agrees_with_first_reading(const Entry& entry) noexcept;

}  // namespace prophet::ledger
