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
    shown_count("only_on_paper", "only on paper"),
    shown_count("other_reading", "reread"),
    shown_count("changed", "changed"),
};

constexpr std::array claim_columns{
    shown_text("id", "claim"),
    shown_text("verdict", "verdict"),
    shown_text("metric", "metric"),
    shown_text("model", "model"),
    shown_text("gpu", "GPU"),
    shown_text("batch", "batch"),
    shown_count("context", "context", "tokens"),
    shown_text("unit", "unit"),
    Shown{"claimed", "claimed", "", 1, Shown::as_it_is},
    Shown{"study", "by the study's formula", "", 1, Shown::as_it_is},
    Shown{"real", "of the real architecture", "", 1, Shown::as_it_is},
    Shown{"measured", "measured", "", 1, Shown::as_it_is},
    shown_text("decides", "decided by"),
    Shown{"reason", "reason", "", 1, 0, ColumnKind::sentence},
    shown_text("document", "document"),
    shown_text("kind", "kind"),
    Shown{"command", "command that repeats it", "", 1, 0, ColumnKind::command},
    shown_text("section", "section"),
};

constexpr const char* summary_note =
    "only on paper: the study's formula gives the number and the real architecture does not; reread: another "
    "verdict than a first reading of the documents had come to; changed: another verdict than the recorded "
    "one.";

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

/// REQUIRES: a column of that heading.
std::size_t column_of(const Table& table, std::string_view heading) {
  std::size_t column = 0;
  while (table.columns[column].heading != heading) ++column;
  return column;
}

/// Verdicts in their colours, with the recorded one where it differs, and SIMULATED beside what was measured
/// so; the words say it without a colour.
Table claims_table(const Result& result) {
  Table table = shown_table(fmt::format("Claims of {}", result.name), claim_columns, result.rows());
  const std::size_t verdict = column_of(table, "verdict");
  const std::size_t measured = column_of(table, "measured");
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    auto& cells = table.rows[row];
    const Json& claim = result.rows()[row];
    cells[verdict].tone = tone_of(cells[verdict].text);
    if (text_at(claim, "verdict") != text_at(claim, "recorded_verdict"))
      cells[verdict].text += fmt::format(", recorded as {}", text_at(claim, "recorded_verdict"));
    if (is_true_at(claim, "measured_simulated") && !cells[measured].text.empty())
      cells[measured].text += " SIMULATED";
  }
  return table;
}

const Json* objects_at(const Result& result, const char* key) {
  const auto found = result.document.find(key);
  if (found == result.document.end() || !found->is_array() || found->empty()) return nullptr;
  for (const Json& each : *found)
    if (!each.is_object()) return nullptr;
  return &*found;
}

/// The sums of all documents and kinds, of what any of them counts.
Json total_of(const Json& summary) {
  Json total = {{"document", "all"}, {"kind", "all"}};
  for (const Shown& column : summary_columns) {
    for (const Json& row : summary) {
      const auto count = number_at(row, column.key);
      if (count) total[column.key] = number_at(total, column.key).value_or(0) + *count;
    }
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
    Table table =
        shown_table(fmt::format("Verdicts by document and kind in {}", result.name), summary_columns, rows);
    table.note = summary_note;
    section.blocks.emplace_back(std::move(table));
  }
  section.blocks.emplace_back(claims_table(result));
  if (const Json* const measurements = objects_at(result, "measurements")) {
    Table table =
        shown_table("Measurements that claims are held against", measurement_columns, *measurements);
    table.is_folded = true;
    section.blocks.emplace_back(std::move(table));
  }
}

}  // namespace prophet::page
