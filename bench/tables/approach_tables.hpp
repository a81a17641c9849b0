#pragma once

#include "bench/tables/table.hpp"

/// Ways of keeping a model beside one another: document 004's comparison, and this project's own.
namespace prophet::tables {

/// Switch-XXL in batch 16: memory of its experts, and bounds of a step.
[[nodiscard]] Table make_alternatives(Catalogue catalogue);

/// Every model and approach on an A100-80GB with 2,048 tokens each: memory in five parts, longest context,
/// and bounds of a step, in batches 1 and 16.
[[nodiscard]] Table make_approaches(Catalogue catalogue);

}  // namespace prophet::tables
