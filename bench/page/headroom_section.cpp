#include <fmt/format.h>

#include <array>

#include "bench/page/result_table.hpp"
#include "bench/page/sections.hpp"

namespace prophet::page {
namespace {

constexpr std::array columns{
    shown_text("model", "model"),
    shown_text("device", "device"),
    shown_count("batch", "batch"),
    shown_text("experts_kept", "experts that stay"),
    shown_count("cache_slabs", "cache slabs"),
    shown_count("staging_slabs", "+ staging"),
    Shown{"slab_fraction", "of all experts", "%", to_percent, 1},
    shown_count("tokens", "tokens, measured"),
    shown_count("context_tokens", "shortest sequence", "tokens"),
    shown_count("resident_tokens", "tokens, all resident"),
    shown_text("outcome", "outcome"),
    Shown{"extension", "extension", "x", 1, 3},
    shown_count("analytic_tokens", "tokens, analytic"),
    Shown{"analytic_off", "analytic off by", "%", to_percent, 3},
    shown_count("closed_form_tokens", "tokens, closed form"),
    Shown{"closed_form_off", "closed form off by", "%", to_percent, 2},
    shown_text("proof", "pages proven by"),
};

constexpr std::array memory_columns{
    shown_text("model", "model"),
    shown_text("device", "device"),
    shown_count("batch", "batch"),
    shown_text("experts_kept", "experts that stay"),
    Shown{"device_bytes", "device", "GB", to_giga, 3},
    Shown{"unusable_bytes", "context, reserve", "GB", to_giga, 3},
    Shown{"weights_bytes", "other weights", "GB", to_giga, 3},
    Shown{"predictor_bytes", "predictor", "GB", to_giga, 3},
    Shown{"workspace_bytes", "workspace", "GB", to_giga, 3},
    Shown{"block_table_bytes", "block tables", "GB", to_giga, 3},
    Shown{"cache_bytes", "cache slabs", "GB", to_giga, 3},
    Shown{"staging_bytes", "staging slabs", "GB", to_giga, 3},
    Shown{"kv_bytes", "KV pages", "GB", to_giga, 3},
    Shown{"left_bytes", "waste and rest", "GB", to_giga, 3},
    Shown{"missing_bytes", "missing", "GB", to_giga, 3},
};

constexpr const char* note =
    "tokens: of the KV cache, allocated until the device refused. extension: those over the ones with all "
    "experts resident, a ratio when both fit; enabled: only with fewer experts anything fits; neither: "
    "nothing fits. analytic: the same by arithmetic that knows every term; closed form: (memory - weights - "
    "experts) / bytes of a token. proven by contents: every page was written and read back; by order: copies "
    "were made on a device without bytes; none: allocated and counted only.";

std::optional<double> product(const Json& row, const char* one, const char* other) {
  const auto left = number_at(row, one);
  const auto right = number_at(row, other);
  if (!left || !right) return std::nullopt;
  return *left * *right;
}

void set(Json& row, const char* key, const std::optional<double>& value) {
  if (value) row[key] = *value;
}

void set_sum(Json& row, const char* key, const char* one, const char* other) {
  const auto left = number_at(row, one);
  const auto right = number_at(row, other);
  if (left && right) row[key] = *left + *right;
}

/// The deviation of what was computed from what was measured; none where nothing was.
void set_deviation(Json& row, const char* key, const char* computed) {
  const auto left = number_at(row, computed);
  const auto right = number_at(row, "tokens");
  if (left && right && *right != 0) row[key] = *left / *right - 1;
}

Json shown_rows(const Result& result) {
  Json rows = Json::array();
  for (Json row : result.rows()) {
    row["experts_kept"] = is_true_at(row, "all_resident") ? "all" : "some";
    set_deviation(row, "analytic_off", "analytic_tokens");
    set_deviation(row, "closed_form_off", "closed_form_tokens");
    set_sum(row, "unusable_bytes", "context_bytes", "reserve_bytes");
    set_sum(row, "left_bytes", "lent_waste_bytes", "rest_bytes");
    set(row, "cache_bytes", product(row, "cache_slabs", "slab_bytes"));
    set(row, "staging_bytes", product(row, "staging_slabs", "slab_bytes"));
    set(row, "kv_bytes", product(row, "pages", "page_bytes"));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

void add_headroom(Section& section, const Result& result) {
  const auto summary = result.document.find("summary");
  if (summary != result.document.end() && summary->is_object())
    section.blocks.emplace_back(facts_table(fmt::format("Summary of {}", result.name), *summary));
  const Json rows = shown_rows(result);
  Table table = shown_table(fmt::format("KV headroom in {}", result.name), columns, rows);
  table.note = note;
  section.blocks.emplace_back(std::move(table));
  Table memory = shown_table("What the memory holds", memory_columns, rows);
  memory.is_folded = true;
  section.blocks.emplace_back(std::move(memory));
}

}  // namespace prophet::page
