#include <fmt/format.h>

#include <array>

#include "bench/page/result_table.hpp"
#include "bench/page/sections.hpp"

namespace prophet::page {
namespace {

constexpr std::array columns{
    shown_text("policy", "policy"),
    shown_text("role", "role"),
    shown_count("slabs", "slabs"),
    Shown{"share_of_experts", "of all experts", "%", to_percent, 1},
    Shown{"hit_rate", "hit", "%", to_percent, 2},
    shown_count("hits", "hits"),
    shown_count("requests", "requests"),
};

}  // namespace

void add_curve(Section& section, const Result& result) {
  const auto layers = number_at(result.provenance(), "layers");
  const auto experts = number_at(result.provenance(), "experts");
  Json rows = Json::array();
  for (Json row : result.rows()) {
    const auto slabs = number_at(row, "slabs");
    row["role"] = is_true_at(row, "is_bound") ? "bound" : "policy";
    if (slabs && layers && experts && *layers * *experts > 0)
      row["share_of_experts"] = *slabs / (*layers * *experts);
    rows.push_back(std::move(row));
  }
  Table table = shown_table(fmt::format("Hit rate by cache size in {}", result.name), columns, rows);
  table.note =
      "Counted on the trace's requests, without prefetch: lru at every size. Bounds look ahead: no real "
      "policy reaches them.";
  table.is_folded = true;
  section.blocks.emplace_back(std::move(table));
}

}  // namespace prophet::page
