#include "bench/page/sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bench/page/result_table.hpp"

namespace prophet::page {
namespace {

constexpr std::array answer_columns{
    shown_text("result", "result"),
    Shown{"answer", "answer", "", 1, 0, ColumnKind::sentence},
    shown_text("standing", "figures are"),
};

/// What a result's rows have in common, and who shows them.
struct Kind {
  const char* section;
  std::vector<std::string_view> keys;  ///< of every row
  void (*add)(Section& section, const Result& result);
  std::string (*answer)(const Result& result);  ///< may be null
};

void add_any(Section& section, const Result& result) {
  section.blocks.emplace_back(generic_table(fmt::format("Rows of {}", result.name), result.rows()));
}

/// In the order of the page; the last one takes whatever is left.
const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"Headroom", {"tokens", "resident_tokens", "outcome", "extension"}, add_headroom, headroom_answer},
      {"Hit rates and stall",
       {"policy", "hit_on_time", "bytes_demand", "stall_ns"},
       add_replay,
       replay_answer},
      {"Hit rates by cache size", {"policy", "slabs", "hit_rate", "hits"}, add_curve, nullptr},
      {"Forecasts", {"predictor", "ahead", "scope", "recall_at_k"}, add_forecast, forecast_answer},
      {"Serving", {"boundary", "goodput_per_s", "good_requests"}, add_serve, serve_answer},
      {"Distinct experts of a batch", {"batch", "unique", "law", "study_law"}, add_dedup, dedup_answer},
      {"Perplexity", {"format", "bits_per_token", "perplexity"}, add_perplexity, nullptr},
      {"Memory and steps by arithmetic", {"gpu", "memory_bytes", "prophet_total_bytes"}, add_cells, nullptr},
      {"Sensitivity", {"input", "context_swing", "step_swing"}, add_sensitivity, nullptr},
      {"Recommendations", {"way", "fits", "slow_down"}, add_recommendation, recommendation_answer},
      {"Claims of the study", {"claimed", "verdict", "reason"}, add_ledger, ledger_answer},
      {"Other results", {}, add_any, nullptr},
  };
  return all;
}

const Kind& kind_of(const Result& result) {
  return *std::find_if(kinds().begin(), kinds().end(),
                       [&](const Kind& kind) { return all_have(result.rows(), kind.keys); });
}

void add_origin(Section& section, const Result& result) {
  section.blocks.emplace_back(Heading{fmt::format("{}: prophet {}", result.name, result.command())});
  const std::string how = standing(result);
  section.blocks.emplace_back(Paragraph{fmt::format("Figures are {}.", how), how == "SIMULATED"});
}

Download file_of(const Result& result) {
  return {"All keys of every row", result.name, result.path, "application/json", result.text};
}

}  // namespace

Section answers_section(std::span<const Result> results) {
  Json rows = Json::array();
  for (const Kind& kind : kinds()) {
    for (const Result& result : results) {
      if (&kind_of(result) != &kind || kind.answer == nullptr) continue;
      const std::string answer = kind.answer(result);
      if (!answer.empty())
        rows.push_back({{"result", result.name}, {"answer", answer}, {"standing", standing(result)}});
    }
  }
  Section section{"In short", {}};
  if (!rows.empty()) section.blocks.emplace_back(shown_table("What the results say", answer_columns, rows));
  return section;
}

std::vector<Section> result_sections(std::span<const Result> results) {
  std::vector<Section> sections;
  for (const Kind& kind : kinds()) {
    Section section{kind.section, {}};
    for (const Result& result : results) {
      if (&kind_of(result) != &kind) continue;
      add_origin(section, result);
      kind.add(section, result);
      section.blocks.emplace_back(file_of(result));
    }
    if (!section.blocks.empty()) sections.push_back(std::move(section));
  }
  return sections;
}

}  // namespace prophet::page
