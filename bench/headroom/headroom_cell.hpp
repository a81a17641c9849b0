#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bench/analytic/headroom_terms.hpp"
#include "bench/headroom/page_proof.hpp"

namespace prophet {

/// One question, answered twice.
struct HeadroomCell {
  HeadroomQuestion question;
  std::string device;                    ///< as it was asked for: "sim:h100-80gb"
  HeadroomTerms measured;                ///< by allocating
  HeadroomTerms analytic;                ///< by arithmetic
  std::uint64_t closed_form_tokens = 0;  ///< what a paper would print
  std::optional<PageProof> proof;        ///< none where it was left out
};

/// What keeping fewer experts does to the tokens that a device holds (DESIGN section 9).
enum class HeadroomOutcome : std::uint8_t {
  ratio,          ///< both fit: so many times the tokens
  enabled,        ///< only with fewer experts there is room for any token
  neither,        ///< no room either way
  resident_only,  ///< staging and predictor take more than the experts left out give
};

struct Extension {
  HeadroomOutcome outcome = HeadroomOutcome::neither;
  double ratio = 0;  ///< of HeadroomOutcome::ratio alone
};

[[nodiscard]] const char* outcome_name(HeadroomOutcome outcome) noexcept;

/// Both sides measured. A side fits when each of its sequences holds `context_tokens`, or one page's tokens
/// where that is 0.
[[nodiscard]] Extension extension_of(const HeadroomCell& all_resident, const HeadroomCell& cached,
                                     std::uint64_t context_tokens);

/// |analytic - measured| / measured tokens; 0 when both are 0, 1 when only one is.
[[nodiscard]] double error_of(std::uint64_t analytic_tokens, std::uint64_t measured_tokens) noexcept;

}  // namespace prophet
