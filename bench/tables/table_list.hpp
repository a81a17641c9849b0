#pragma once

#include <span>
#include <string_view>

#include "bench/tables/table.hpp"

namespace prophet::tables {

/// One of the study's tables, and what computes it. `make` leaves name, document, title and catalogue to
/// make_table().
struct TableKind {
  const char* name;
  const char* document;
  const char* title;
  Table (*make)(Catalogue catalogue);
};

/// All of them, in the order of the documents; each in both catalogues.
[[nodiscard]] std::span<const TableKind> table_kinds() noexcept;

/// By name, case aside. Throws Error{usage} for another one, with the nearest names.
[[nodiscard]] const TableKind& find_table_kind(std::string_view name);

[[nodiscard]] Table make_table(const TableKind& kind, Catalogue catalogue);

}  // namespace prophet::tables
