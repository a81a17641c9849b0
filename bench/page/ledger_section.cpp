#include <fmt/format.h>

#include <array>

#include "bench/page/result_table.hpp"
#include "bench/page/sections.hpp"

namespace prophet::page {
namespace {

constexpr std::array summary_columns{
    shown_text("document", "document"),
    shown_text("kind", "kind"),
    shown_count("claims", "claims"),
    shown_count("reproduced", "reproduced"),
    shown_count("contradicted", "contradicted"),
    shown_count("underdetermined", "under-determined"),
    shown_count("needs_a_gpu", "needs a GPU"),
    shown_count("not_measurable", "not measurable"),
};

constexpr std::array claim_columns{
    shown_text("id", "claim"),
    shown_text("document", "document"),
    shown_text("kind", "kind"),
    shown_text("model", "model"),
    shown_text("gpu", "GPU"),
    shown_text("batch", "batch"),
    shown_count("context", "context", "tokens"),
    shown_text("metric", "metric"),
    Shown{"claimed", "claimed", "", 1, Shown::as_it_is},
    shown_text("unit", "unit"),
    Shown{"study", "by the study's formula", "", 1, Shown::as_it_is},
    Shown{"real", "of the real architecture", "", 1, Shown::as_it_is},
    Shown{"measured", "measured", "", 1, Shown::as_it_is},
    shown_text("verdict", "verdict"),
    shown_text("recorded_verdict", "recorded verdict"),
    Shown{"reason", "reason", "", 1, 0, ColumnKind::sentence},
    shown_text("section", "section"),
    Shown{"command", "command that repeats it", "", 1, 0, ColumnKind::command},
};

constexpr std::array measurement_columns{
    shown_text("id", "recording"),
    Shown{"value", "value", "", 1, Shown::as_it_is},
    shown_text("unit", "unit"),
    shown_text("device", "device"),
    shown_text("simulated", "simulated"),
    Shown{"source", "source", "", 1, 0, ColumnKind::sentence},
    shown_count("seed", "seed"),
    shown_text("commit", "commit"),
    Shown{"command", "command", "", 1, 0, ColumnKind::command},
};

Tone tone_of(const std::string& verdict) {
  if (verdict == "reproduced") return Tone::good;
  return verdict == "contradicted" ? Tone::bad : Tone::faint;
}

/// Verdicts in their colours; the word is what says it.
void colour_verdicts(Table& table) {
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (table.columns[c].heading != "verdict") continue;
    for (auto& row : table.rows) row[c].tone = tone_of(row[c].text);
  }
}

const Json* objects_at(const Result& result, const char* key) {
  const auto found = result.document.find(key);
  if (found == result.document.end() || !found->is_array() || found->empty()) return nullptr;
  for (const Json& each : *found)
    if (!each.is_object()) return nullptr;
  return &*found;
}

/// The sums of all documents and kinds.
Json total_of(const Json& summary) {
  Json total = {{"document", "all"}, {"kind", "all"}};
  for (const Shown& column : summary_columns) {
    if (column.kind != ColumnKind::number) continue;
    double sum = 0;
    for (const Json& row : summary) sum += number_at(row, column.key).value_or(0);
    total[column.key] = sum;
  }
  return total;
}

std::string changed_text(const Result& result) {
  std::size_t changed = 0;
  for (const Json& row : result.rows())
    changed += text_at(row, "verdict") != text_at(row, "recorded_verdict") ? 1U : 0U;
  if (changed == 0) return fmt::format("All {} verdicts are the recorded ones.", result.rows().size());
  return fmt::format("{} of {} verdicts DIFFER from the recorded ones.", changed, result.rows().size());
}

}  // namespace

void add_ledger(Section& section, const Result& result) {
  const std::string changed = changed_text(result);
  section.blocks.emplace_back(Paragraph{changed, changed.find("DIFFER") != changed.npos});
  if (const Json* const summary = objects_at(result, "summary")) {
    Json rows = *summary;
    rows.push_back(total_of(*summary));
    section.blocks.emplace_back(
        shown_table(fmt::format("Verdicts by document and kind in {}", result.name), summary_columns, rows));
  }
  Table claims = shown_table(fmt::format("Claims of {}", result.name), claim_columns, result.rows());
  colour_verdicts(claims);
  section.blocks.emplace_back(std::move(claims));
  if (const Json* const measurements = objects_at(result, "measurements")) {
    Table table =
        shown_table("Measurements that claims are held against", measurement_columns, *measurements);
    table.is_folded = true;
    section.blocks.emplace_back(std::move(table));
  }
}

}  // namespace prophet::page
