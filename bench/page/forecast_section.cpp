#include <fmt/format.h>

#include <array>

#include "bench/page/result_table.hpp"
#include "bench/page/sections.hpp"

namespace prophet::page {
namespace {

constexpr std::array columns{
    shown_text("predictor", "predictor"),
    shown_text("role", "role"),
    shown_text("scope", "of"),
    shown_count("ahead", "layers ahead"),
    Shown{"recall_at_k", "recall@k", "%", to_percent, 2},
    Shown{"recall_at_2k", "recall@2k", "%", to_percent, 2},
    Shown{"brier", "Brier score", "", 1, 4},
    Shown{"calibration_error", "calibration error", "", 1, 4},
    Shown{"wanted_absent_share", "wanted that were absent", "%", to_percent, 2},
    shown_count("forecasts", "forecasts"),
};

constexpr std::array coverage_columns{
    shown_text("predictor", "predictor"),
    shown_count("ahead", "layers ahead"),
    shown_text("coverage", "experts named"),
    Shown{"recall", "recall", "%", to_percent, 2},
    Shown{"absent_precision", "precision on absent", "%", to_percent, 2},
    Shown{"absent_recall", "recall of absent", "%", to_percent, 2},
};

constexpr std::array layer_columns{
    shown_text("predictor", "predictor"),
    shown_count("ahead", "layers ahead"),
    shown_count("layer", "layer"),
    Shown{"recall_at_k", "recall@k", "%", to_percent, 2},
    Shown{"recall_at_2k", "recall@2k", "%", to_percent, 2},
    Shown{"wanted_absent_share", "wanted that were absent", "%", to_percent, 2},
};

constexpr std::array lead_columns{
    shown_count("ahead", "layers ahead"),
    Shown{"lead_ns", "lead time", "us", ns_to_us, 1},
    Shown{"experts_copied", "experts copied in it", "", 1, 2},
    shown_text("simulated", "simulated"),
};

constexpr const char* note =
    "recall@n: of the experts that layers wanted, the share among the n most probable ones; k is how many a "
    "layer wants. next-step: layers that were forecast from the step before. Brier score: mean squared "
    "distance of a probability from what came; calibration error: mean distance of probabilities from "
    "frequencies. absent: not resident when the forecast was made; precision on absent is the share of "
    "copies that pay. A control must read exactly 100; a bound looks ahead.";

const char* role_text(const Json& row) {
  if (is_true_at(row, "is_control")) return "control";
  return text_at(row, "predictor") == "oracle" ? "bound" : "predictor";
}

Json rows_of(const Result& result, bool of_layers) {
  Json rows = Json::array();
  for (Json row : result.rows()) {
    if ((text_at(row, "scope") == "layer") != of_layers) continue;
    row["role"] = role_text(row);
    rows.push_back(std::move(row));
  }
  return rows;
}

/// A row for each number of experts named by each predictor.
Json coverage_rows(const Json& rows) {
  Json all = Json::array();
  for (const Json& row : rows) {
    const auto coverage = row.find("coverage");
    if (text_at(row, "scope") != "step" || is_true_at(row, "is_control") || coverage == row.end()) continue;
    for (Json named : *coverage) {
      if (!named.is_object()) continue;
      named["predictor"] = text_at(row, "predictor");
      named["ahead"] = row.at("ahead");
      all.push_back(std::move(named));
    }
  }
  return all;
}

void add_folded(Section& section, Table table) {
  if (table.rows.empty()) return;
  table.is_folded = true;
  section.blocks.emplace_back(std::move(table));
}

}  // namespace

void add_forecast(Section& section, const Result& result) {
  const Json rows = rows_of(result, false);
  Table table = shown_table(fmt::format("Forecasts in {}", result.name), columns, rows);
  table.note = note;
  section.blocks.emplace_back(std::move(table));
  add_folded(section, shown_table("By number of experts named", coverage_columns, coverage_rows(rows)));
  add_folded(section, shown_table("By layer", layer_columns, rows_of(result, true)));
  const auto lead = result.document.find("lead");
  if (lead != result.document.end() && lead->is_array() && all_have(*lead, {"lead_ns"}))
    add_folded(section, shown_table("Lead time", lead_columns, *lead));
}

}  // namespace prophet::page
