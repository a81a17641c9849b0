#pragma once

#include "bench/tables/table.hpp"

/// The four summary tables of document 001.
namespace prophet::tables {

/// A100-80GB, batch 16.
[[nodiscard]] Table make_kv_extension(Catalogue catalogue);
[[nodiscard]] Table make_average_extension(Catalogue catalogue);
[[nodiscard]] Table make_by_expert_count(Catalogue catalogue);
/// On every GPU of the study, batch 16.
[[nodiscard]] Table make_max_context(Catalogue catalogue);

}  // namespace prophet::tables
