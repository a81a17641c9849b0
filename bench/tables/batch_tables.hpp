#pragma once

#include "bench/tables/table.hpp"

/// What a batch's size does to the experts of a step and to the context: document 002, and three tables of
/// document 004.
namespace prophet::tables {

[[nodiscard]] Table make_batch_impact(Catalogue catalogue);
[[nodiscard]] Table make_saturation(Catalogue catalogue);
[[nodiscard]] Table make_workload_classes(Catalogue catalogue);
[[nodiscard]] Table make_compatibility(Catalogue catalogue);

}  // namespace prophet::tables
