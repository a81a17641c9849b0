#pragma once

#include "bench/tables/table.hpp"

/// Parameters and sizes of models: document 000's first table, and those of document 003.
namespace prophet::tables {

[[nodiscard]] Table make_architectures(Catalogue catalogue);
[[nodiscard]] Table make_model_memory(Catalogue catalogue);
[[nodiscard]] Table make_expert_memory(Catalogue catalogue);
[[nodiscard]] Table make_prophet_reduction(Catalogue catalogue);
[[nodiscard]] Table make_complete_breakdown(Catalogue catalogue);

}  // namespace prophet::tables
