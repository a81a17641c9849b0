#include <fmt/format.h>

#include <array>

#include "bench/page/result_table.hpp"
#include "bench/page/sections.hpp"

namespace prophet::page {
namespace {

constexpr std::array cell_columns{
    shown_text("catalogue", "catalogue"),
    shown_text("model", "model"),
    shown_text("gpu", "GPU"),
    shown_count("batch", "batch"),
    shown_count("context_tokens", "context", "tokens"),
    Shown{"unique_power_law", "distinct experts, power law", "", 1, 2},
    Shown{"unique_uniform", "distinct experts, uniform", "", 1, 2},
    Shown{"savings", "savings, power law", "%", to_percent, 1},
    Shown{"savings_uniform", "savings, uniform", "%", to_percent, 1},
    Shown{"memory_bytes", "memory", "GB", to_giga, 2},
    Shown{"all_resident_total_bytes", "all resident", "GB", to_giga, 2},
    Shown{"prophet_total_bytes", "prophet", "GB", to_giga, 2},
    shown_count("all_resident_context_tokens_max", "longest context, all resident", "tokens"),
    shown_count("prophet_context_tokens_max", "longest context, prophet", "tokens"),
    shown_text("outcome", "outcome"),
    Shown{"extension", "extension", "x", 1, 3},
    Shown{"prophet_hit_rate", "hit, prophet", "%", to_percent, 2},
    Shown{"all_resident_overlapped_ns", "step, all resident", "ms", ns_to_ms, 3},
    Shown{"prophet_overlapped_ns", "step, prophet, overlapped", "ms", ns_to_ms, 3},
    Shown{"prophet_serial_ns", "step, prophet, serial", "ms", ns_to_ms, 3},
    Shown{"offload_overlapped_ns", "step, offload, overlapped", "ms", ns_to_ms, 3},
};

constexpr std::array sensitivity_columns{
    shown_text("model", "model"),
    shown_text("input", "input"),
    Shown{"low_value", "low", "", 1, 4},
    Shown{"middle_value", "middle", "", 1, 4},
    Shown{"high_value", "high", "", 1, 4},
    shown_count("low_context_tokens_max", "longest context at low", "tokens"),
    shown_count("middle_context_tokens_max", "longest context at middle", "tokens"),
    shown_count("high_context_tokens_max", "longest context at high", "tokens"),
    Shown{"context_swing", "swing of context", "x", 1, 3},
    Shown{"low_overlapped_ns", "step at low", "ms", ns_to_ms, 3},
    Shown{"middle_overlapped_ns", "step at middle", "ms", ns_to_ms, 3},
    Shown{"high_overlapped_ns", "step at high", "ms", ns_to_ms, 3},
    Shown{"step_swing", "swing of step", "x", 1, 3},
};

constexpr std::array way_columns{
    shown_text("way", "way"),
    shown_text("fits", "fits"),
    Shown{"total_bytes", "memory", "GB", to_giga, 3},
    shown_count("gpus", "GPUs"),
    shown_count("experts_of_layer", "experts of a layer"),
    Shown{"hit_rate", "hit", "%", to_percent, 2},
    Shown{"moved_bytes", "moved", "GB/step", to_giga, 3},
    Shown{"overlapped_ns", "step, overlapped", "ms", ns_to_ms, 3},
    Shown{"serial_ns", "step, serial", "ms", ns_to_ms, 3},
    Shown{"slow_down", "times as long", "x", 1, 2},
};

constexpr std::array dedup_columns{
    shown_text("of", "of"),
    shown_count("batch", "batch", "tokens"),
    Shown{"unique", "distinct, counted", "experts", 1, 3},
    Shown{"uniform", "uniform", "experts", 1, 3},
    Shown{"uniform_error", "uniform off by", "%", to_percent, 1},
    Shown{"popularity", "popularity", "experts", 1, 3},
    Shown{"popularity_error", "popularity off by", "%", to_percent, 1},
    Shown{"law", "k B^a, fitted", "experts", 1, 3},
    Shown{"law_error", "fitted off by", "%", to_percent, 1},
    Shown{"study_law", "study's law", "experts", 1, 3},
    Shown{"study_law_error", "study's off by", "%", to_percent, 1},
    shown_text("fitted", "in the fit"),
};

void add_summary(Section& section, const Result& result) {
  const auto summary = result.document.find("summary");
  if (summary == result.document.end() || !summary->is_object()) return;
  section.blocks.emplace_back(facts_table(fmt::format("Summary of {}", result.name), *summary));
}

}  // namespace

void add_cells(Section& section, const Result& result) {
  add_summary(section, result);
  Table table = shown_table(fmt::format("Cells of {}", result.name), cell_columns, result.rows());
  table.note =
      "extension: the longest context with prophet over the one with all experts resident, a ratio when both "
      "fit; enabled: only prophet fits; neither: nothing does. overlapped: copies behind compute, serial: "
      "one after the other.";
  section.blocks.emplace_back(std::move(table));
}

void add_sensitivity(Section& section, const Result& result) {
  Table table = shown_table(fmt::format("One input moved at a time in {}", result.name), sensitivity_columns,
                            result.rows());
  table.note = "swing: the larger over the smaller of what low and high lead to.";
  section.blocks.emplace_back(std::move(table));
}

void add_recommendation(Section& section, const Result& result) {
  section.blocks.emplace_back(Paragraph{recommendation_answer(result), false});
  section.blocks.emplace_back(
      shown_table(fmt::format("Ways in {}", result.name), way_columns, result.rows()));
}

void add_dedup(Section& section, const Result& result) {
  Json rows = Json::array();
  for (Json row : result.rows()) {
    const auto layer = number_at(row, "layer");
    row["of"] = layer ? fmt::format("layer {:.0f}", *layer) : "mean over layers";
    rows.push_back(std::move(row));
  }
  Table table =
      shown_table(fmt::format("Distinct experts of a batch in {}", result.name), dedup_columns, rows);
  table.note =
      "uniform: E (1 - (1 - k/E)^B); popularity: the sum over experts of 1 - (1 - p)^B, p each expert's "
      "share "
      "of tokens in other sequences. off by: what is said over what was counted, less 1.";
  section.blocks.emplace_back(std::move(table));
  add_summary(section, result);
}

}  // namespace prophet::page
