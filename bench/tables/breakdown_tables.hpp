#pragma once

#include "bench/tables/table.hpp"

/// Where memory goes, part by part: tables 2, 3 and 6 of document 000.
namespace prophet::tables {

/// Switch-XXL on an A100-80GB, batch 8, 2,048 tokens each.
[[nodiscard]] Table make_memory_components(Catalogue catalogue);
/// The same over 2,048 to 16,384 tokens.
[[nodiscard]] Table make_kv_scaling(Catalogue catalogue);
/// Qwen1.5-MoE, batch 8, 2,048 tokens each.
[[nodiscard]] Table make_qwen_breakdown(Catalogue catalogue);

}  // namespace prophet::tables
