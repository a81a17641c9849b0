#include "bench/ledger/validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "bench/ledger/expression.hpp"
#include "bench/ledger/real_quantities.hpp"
#include "bench/ledger/recordings.hpp"
#include "bench/ledger/study_quantities.hpp"
#include "prophet/error.hpp"
#include "runtime/model/names.hpp"

namespace prophet::ledger {
namespace {

/// So much of the tolerance is forgiven to numbers that binary fractions cannot hold.
constexpr double rounding_slack = 1e-6;

Place place_of(const Claim& claim) {
  return {claim.model, claim.batch, lower_case(claim.gpu), claim.context_tokens};
}

bool agrees(const Entry& entry, double value) {
  const double within = entry.within.value_or(printed_precision(entry.claim));
  return std::abs(value - entry.claim.value) <= within * (1 + rounding_slack);
}

bool any_simulated(const std::vector<std::string>& recorded) {
  return std::any_of(recorded.begin(), recorded.end(),
                     [](const std::string& id) { return find_recording(id).simulated; });
}

class Validator {
 public:
  Finding check(const Entry& entry) {
    Finding finding;
    finding.entry = &entry;
    finding.command = fmt::format("prophet validate --claim {}", entry.claim.id);
    for (const Basis basis : bases)
      finding.answers[static_cast<std::size_t>(basis)] = answer(entry, basis, finding);
    finding.verdict = verdict_of(entry, finding);
    return finding;
  }

 private:
  BasisAnswer answer(const Entry& entry, Basis basis, Finding& finding) {
    BasisAnswer answer;
    const std::string& expression = entry.expression(basis);
    if (expression.empty()) return answer;
    answer.asked = true;
    Expressions& expressions = of(basis);
    try {
      answer.value = expressions.evaluate(expression, place_of(entry.claim));
      answer.agrees = agrees(entry, *answer.value);
      answer.simulated = any_simulated(expressions.asked_recordings());
    } catch (const NoValue& none) {
      answer.why_none = none.what();
    } catch (const Error& error) {
      throw Error(ErrorCode::bad_input, fmt::format("{}, {} of {}: {}", entry.where, basis_name(basis),
                                                    entry.claim.id, error.what()));
    }
    if (basis == Basis::measured) {
      finding.recordings = expressions.asked_recordings();
      finding.command = command_of(finding.recordings);
    }
    return answer;
  }

  static std::string command_of(const std::vector<std::string>& ids) {
    return ids.empty() ? headroom_command() : find_recording(ids.front()).command;
  }

  static Verdict verdict_of(const Entry& entry, const Finding& finding) {
    if (!entry.decides) return entry.recorded;
    return finding.of(*entry.decides).agrees ? Verdict::reproduced : Verdict::contradicted;
  }

  Expressions& of(Basis basis) {
    switch (basis) {
      case Basis::study:
        return study_;
      case Basis::real:
        return real_;
      case Basis::measured:
        break;
    }
    return measured_;
  }

  Expressions study_{make_study_quantities()};
  Expressions real_{make_real_quantities()};
  Expressions measured_{make_measured_quantities()};
};

}  // namespace

std::vector<Finding> validate(std::span<const Entry> entries) {
  Validator validator;
  std::vector<Finding> findings;
  findings.reserve(entries.size());
  for (const Entry& entry : entries) findings.push_back(validator.check(entry));
  return findings;
}

}  // namespace prophet::ledger
