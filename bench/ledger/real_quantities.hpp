#pragma once

#include <memory>

#include "bench/ledger/place.hpp"

namespace prophet::ledger {

/// Of the architectures as they are, in bf16 whatever the checkpoint's dtype: the study counts two bytes a
/// parameter throughout. Contexts and extensions are the real catalogue's, analytic_cell.hpp.
[[nodiscard]] std::unique_ptr<Quantities> make_real_quantities();

}  // namespace prophet::ledger
