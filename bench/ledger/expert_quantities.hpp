#pragma once

#include <optional>
#include <string_view>

#include "bench/ledger/place.hpp"

namespace prophet::ledger {

/// What follows from the experts of a layer, the experts of a token and the batch alone, by the study's law
/// and by the uniform expectation: unique, saving (percent), sparsity, reuse, saturation, each also with
/// _exact, and exact_exponent, the slope of log unique_exact over log batch in the study's six batches. None
/// for another name. Throws NoValue without a batch where it needs one.
[[nodiscard]] std::optional<double> expert_quantity(std::string_view name, std::uint32_t experts,
                                                    std::uint32_t top_k, const Place& place);

}  // namespace prophet::ledger
