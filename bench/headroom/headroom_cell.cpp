#include "bench/headroom/headroom_cell.hpp"

#include <algorithm>
#include <cmath>

namespace prophet {
namespace {

bool fits(const HeadroomCell& cell, std::uint64_t context_tokens) {
  const std::uint64_t wanted = std::max<std::uint64_t>(context_tokens, 1);
  return cell.measured.placed() && cell.measured.context_tokens >= wanted;
}

}  // namespace

const char* outcome_name(HeadroomOutcome outcome) noexcept {
  switch (outcome) {
    case HeadroomOutcome::ratio:
      return "ratio";
    case HeadroomOutcome::enabled:
      return "enabled";
    case HeadroomOutcome::neither:
      return "neither";
    case HeadroomOutcome::resident_only:
      return "resident only";
  }
  return "unknown";
}

Extension extension_of(const HeadroomCell& all_resident, const HeadroomCell& cached,
                       std::uint64_t context_tokens) {
  const bool resident = fits(all_resident, context_tokens);
  const bool with_cache = fits(cached, context_tokens);
  if (!resident) return {with_cache ? HeadroomOutcome::enabled : HeadroomOutcome::neither, 0};
  if (!with_cache) return {HeadroomOutcome::resident_only, 0};
  return {HeadroomOutcome::ratio,
          static_cast<double>(cached.measured.tokens) / static_cast<double>(all_resident.measured.tokens)};
}

double error_of(std::uint64_t analytic_tokens, std::uint64_t measured_tokens) noexcept {
  if (analytic_tokens == measured_tokens) return 0;
  if (measured_tokens == 0) return 1;
  return std::fabs(static_cast<double>(analytic_tokens) / static_cast<double>(measured_tokens) - 1);
}

}  // namespace prophet
