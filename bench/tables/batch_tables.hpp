#pragma once

#include "bench/tables/table.hpp"

/// What a batch's size does to the experts of a step: documents 002 and 004.
namespace prophet::tables {

[[nodiscard]] Table make_saturation(Catalogue catalogue);

}  // namespace prophet::tables
