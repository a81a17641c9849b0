#pragma once

#include "bench/tables/table.hpp"

/// What fits into a GPU: tables 4, 5, 7, 8 and 9 of document 000. Its Switch-XXL and Switch-Large have other
/// sizes than document 001 gives them, and its tables of Switch-Large do not agree with one another.
namespace prophet::tables {

[[nodiscard]] Table make_context_vs_memory(Catalogue catalogue);
[[nodiscard]] Table make_batch_scaling(Catalogue catalogue);
[[nodiscard]] Table make_coverage_savings(Catalogue catalogue);
[[nodiscard]] Table make_memory_to_context(Catalogue catalogue);
[[nodiscard]] Table make_batch_context(Catalogue catalogue);

}  // namespace prophet::tables
