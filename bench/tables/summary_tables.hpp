#pragma once

#include "bench/tables/table.hpp"

/// The four summary tables of document 001.
namespace prophet::tables {

[[nodiscard]] Table make_kv_extension(Catalogue catalogue);

}  // namespace prophet::tables
