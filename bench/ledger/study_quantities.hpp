#pragma once

#include <memory>

#include "bench/ledger/place.hpp"

namespace prophet::ledger {

/// Of the study's catalogue, as the study computed it: analytic::as_study_computed, with its mixed units.
[[nodiscard]] std::unique_ptr<Quantities> make_study_quantities();

}  // namespace prophet::ledger
