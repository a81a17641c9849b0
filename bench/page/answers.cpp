#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

#include "bench/page/result_table.hpp"
#include "bench/page/sections.hpp"

namespace prophet::page {
namespace {

/// A number of a row that is known to be shown; a dash where it is none.
std::string digits(const Json& row, const char* key, double scale, int decimals) {
  const auto value = number_at(row, key);
  return value ? fmt::format("{:.{}f}", *value * scale, decimals) : "-";
}

/// The row with the best `key` of those that `counts` lets through; null where there is none.
template <typename Counts, typename Better>
const Json* best_row(const Json& rows, const char* key, Counts counts, Better better) {
  const Json* best = nullptr;
  for (const Json& row : rows) {
    if (!number_at(row, key) || !counts(row)) continue;
    if (best == nullptr || better(*number_at(row, key), *number_at(*best, key))) best = &row;
  }
  return best;
}

std::string grid_answer(const Json& summary) {
  return fmt::format(
      "Of {} cells {} have a ratio (mean {}, largest {}), {} hold tokens only with fewer experts, {} neither "
      "way.",
      digits(summary, "cells", 1, 0), digits(summary, "ratio", 1, 0), digits(summary, "ratio_mean", 1, 3),
      digits(summary, "ratio_max", 1, 3), digits(summary, "enabled", 1, 0), digits(summary, "neither", 1, 0));
}

}  // namespace

std::string headroom_answer(const Result& result) {
  const auto summary = result.document.find("summary");
  if (summary != result.document.end() && summary->is_object()) return grid_answer(*summary);
  const auto any = [](const Json&) { return true; };
  if (const Json* row = best_row(result.rows(), "extension", any, std::greater<>())) {
    return fmt::format(
        "{} + {} slabs, {} % of the experts, leave room for {} tokens: {} times the {} of all resident.",
        digits(*row, "cache_slabs", 1, 0), digits(*row, "staging_slabs", 1, 0),
        digits(*row, "slab_fraction", to_percent, 1), digits(*row, "tokens", 1, 0),
        digits(*row, "extension", 1, 3), digits(*row, "resident_tokens", 1, 0));
  }
  const auto is_enabled = [](const Json& row) { return text_at(row, "outcome") == "enabled"; };
  if (const Json* row = best_row(result.rows(), "tokens", is_enabled, std::greater<>())) {
    return fmt::format("All experts leave room for no token; {} + {} slabs for {}.",
                       digits(*row, "cache_slabs", 1, 0), digits(*row, "staging_slabs", 1, 0),
                       digits(*row, "tokens", 1, 0));
  }
  return "No way leaves room for a token.";
}

std::string replay_answer(const Result& result) {
  const auto asked = [](const Json& row) {
    return !is_true_at(row, "is_baseline") && !is_true_at(row, "is_bound") &&
           text_at(row, "policy") != "all-resident";
  };
  const auto resident = [](const Json& row) { return text_at(row, "policy") == "all-resident"; };
  const Json rows = replay_shown_rows(result);
  const auto count = std::count_if(rows.begin(), rows.end(), asked);
  const Json* row = best_row(rows, "step_ns_mean", asked, std::less<>());
  if (row == nullptr) return "";
  std::string text = count > 1 ? fmt::format("The fastest of {} cases: ", count) : "";
  text += fmt::format(
      "{} with {} + {} slabs ({} % of the experts), batch {}: hit {} %, late {} %, miss {} %; a step takes "
      "{} ms, {} "
      "of them stall",
      text_at(*row, "what"), digits(*row, "slabs", 1, 0), digits(*row, "staging_slabs", 1, 0),
      digits(*row, "share_of_experts", to_percent, 1), digits(*row, "batch", 1, 0),
      digits(*row, "hit_share", to_percent, 2), digits(*row, "late_share", to_percent, 2),
      digits(*row, "miss_share", to_percent, 2), digits(*row, "step_ns_mean", ns_to_ms, 3),
      digits(*row, "step_stall_ns", ns_to_ms, 3));
  const auto same_batch = [&](const Json& other) {
    return resident(other) && number_at(other, "batch") == number_at(*row, "batch");
  };
  if (const Json* all = best_row(rows, "step_ns_mean", same_batch, std::less<>()))
    text += fmt::format("; all resident {} ms", digits(*all, "step_ns_mean", ns_to_ms, 3));
  return text + ".";
}

std::string forecast_answer(const Result& result) {
  const auto one_ahead = [](const Json& row) {
    return text_at(row, "scope") == "step" && number_at(row, "ahead") == 1 &&
           !is_true_at(row, "is_control") && text_at(row, "predictor") != "oracle";
  };
  const Json* row = best_row(result.rows(), "recall_at_k", one_ahead, std::greater<>());
  if (row == nullptr) return "";
  return fmt::format("One layer ahead {} recalls most: {} % at k, {} % at 2k.", text_at(*row, "predictor"),
                     digits(*row, "recall_at_k", to_percent, 2), digits(*row, "recall_at_2k", to_percent, 2));
}

std::string serve_answer(const Result& result) {
  const auto of = [](const char* boundary) {
    return [boundary](const Json& row) { return text_at(row, "boundary") == boundary; };
  };
  const Json* fixed = best_row(result.rows(), "goodput_per_s", of("fixed"), std::greater<>());
  if (fixed == nullptr) return "";
  std::string text =
      fmt::format("Best fixed KV share {} %: {} good requests a second",
                  digits(*fixed, "kv_share", to_percent, 0), digits(*fixed, "goodput_per_s", 1, 3));
  if (const Json* moved = best_row(result.rows(), "goodput_per_s", of("adaptive"), std::greater<>()))
    text += fmt::format("; adaptive {}", digits(*moved, "goodput_per_s", 1, 3));
  return text + ".";
}

std::string dedup_answer(const Result& result) {
  const auto summary = result.document.find("summary");
  if (summary == result.document.end() || !summary->is_object()) return "";
  return fmt::format(
      "Distinct experts grow as k B^{} (95 %: {} to {}); the study's exponent {} is {} that interval.",
      digits(*summary, "exponent", 1, 4), digits(*summary, "exponent_low", 1, 4),
      digits(*summary, "exponent_high", 1, 4), digits(*summary, "study_exponent", 1, 3),
      is_true_at(*summary, "study_in_interval") ? "inside" : "outside");
}

std::string recommendation_answer(const Result& result) {
  const std::string way = text_at(result.document, "recommended");
  return fmt::format("Recommended: {}; {}.", way.empty() ? "none of these" : way,
                     text_at(result.document, "reason"));
}

std::string ledger_answer(const Result& result) {
  constexpr std::array verdicts = {"reproduced", "contradicted", "underdetermined", "needs a GPU",
                                   "not measurable"};
  std::string text = fmt::format("Of {} claims", result.rows().size());
  for (const char* verdict : verdicts) {
    const auto count = std::count_if(result.rows().begin(), result.rows().end(),
                                     [&](const Json& row) { return text_at(row, "verdict") == verdict; });
    text += fmt::format("{} {} {}", verdict == verdicts.front() ? "" : ",", count,
                        std::string_view(verdict) == "needs a GPU" ? "need a GPU" : verdict);
  }
  return text + ".";
}

}  // namespace prophet::page
