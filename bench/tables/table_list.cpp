#include "bench/tables/table_list.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "bench/tables/batch_tables.hpp"
#include "bench/tables/summary_tables.hpp"
#include "prophet/error.hpp"
#include "runtime/model/names.hpp"

namespace prophet::tables {
namespace {

constexpr std::array kinds = {
    TableKind{"kv_extension", "001", "Context with fewer resident experts, A100-80GB, batch 16",
              make_kv_extension},
    TableKind{"saturation", "004", "The batch from which a step wants every expert", make_saturation},
};

}  // namespace

std::span<const TableKind> table_kinds() noexcept {
  return kinds;
}

const TableKind& find_table_kind(std::string_view name) {
  const std::string wanted = lower_case(name);
  std::vector<std::string> names;
  for (const TableKind& kind : kinds) {
    if (wanted == kind.name) return kind;
    names.emplace_back(kind.name);
  }
  throw Error(ErrorCode::usage,
              fmt::format("--table '{}': is no table of the study; expected a name such as {}", name,
                          fmt::join(near_names(name, names), ", ")));
}

Table make_table(const TableKind& kind, Catalogue catalogue) {
  Table table = kind.make(catalogue);
  table.name = kind.name;
  table.document = kind.document;
  table.title = kind.title;
  table.catalogue = catalogue;
  return table;
}

}  // namespace prophet::tables
