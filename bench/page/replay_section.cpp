#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "bench/page/result_table.hpp"
#include "bench/page/sections.hpp"

namespace prophet::page {
namespace {

constexpr std::array columns{
    shown_text("what", "policy + predictor"),
    shown_text("role", "role"),
    shown_count("batch", "batch"),
    shown_count("slabs", "slabs"),
    shown_count("staging_slabs", "+ staging"),
    Shown{"share_of_experts", "of all experts", "%", to_percent, 1},
    Shown{"hit_share", "hit", "%", to_percent, 2},
    Shown{"late_share", "late", "%", to_percent, 2},
    Shown{"miss_share", "miss", "%", to_percent, 2},
    Shown{"elsewhere_share", "elsewhere", "%", to_percent, 2},
    Shown{"demand_bytes", "on demand", "MB/step", to_mega, 2},
    Shown{"useful_bytes", "prefetched, useful", "MB/step", to_mega, 2},
    Shown{"late_bytes", "of that late", "MB/step", to_mega, 2},
    Shown{"wasted_bytes", "prefetched, wasted", "MB/step", to_mega, 2},
    Shown{"step_stall_ns", "stall", "ms/step", ns_to_ms, 3},
    Shown{"step_ns_p50", "step p50", "ms", ns_to_ms, 3},
    Shown{"step_ns_p99", "step p99", "ms", ns_to_ms, 3},
    Shown{"step_ns_mean", "step mean", "ms", ns_to_ms, 3},
    Shown{"bound_ratio", "x bound", "", 1, 2},
    Shown{"tokens_per_s", "decode", "tok/s", 1, 1},
};

constexpr std::array layer_columns{
    shown_count("layer", "layer"),
    shown_count("requests", "requests"),
    Shown{"hit_share", "hit", "%", to_percent, 2},
    Shown{"late_share", "late", "%", to_percent, 2},
    Shown{"miss_share", "miss", "%", to_percent, 2},
    Shown{"elsewhere_share", "elsewhere", "%", to_percent, 2},
    Shown{"forecast_recall_at_k", "recall@k", "%", to_percent, 2},
    Shown{"forecast_recall_at_2k", "recall@2k", "%", to_percent, 2},
    Shown{"forecast_precision_not_resident", "precision on absent", "%", to_percent, 2},
};

constexpr const char* note =
    "hit: resident when its layer wanted it; late: in flight; miss: not started; elsewhere: computed on the "
    "host or read in place instead. wasted: prefetched and not used, or cancelled. stall: the compute stream "
    "had nothing to run because an expert was not there. x bound: the mean step over the larger of "
    "all-resident compute time and a clairvoyant cache's bytes over the link. Shares, bytes on demand and "
    "times are of decode steps; prefetched bytes are of the whole run. Bounds look ahead: no real policy or "
    "predictor reaches them.";

using Number = std::optional<double>;

Json json_of(const Number& number) {
  return number ? Json(*number) : Json();
}

Number ratio(const Number& part, const Number& whole) {
  if (!part || !whole || *whole == 0) return std::nullopt;
  return *part / *whole;
}

/// What `key` counts in decode steps: all that was counted, less what prompts took.
Number in_decode(const Json& row, const std::string& key, const std::string& prefill_key) {
  const Number all = number_at(row, key);
  if (!all) return std::nullopt;
  return *all - number_at(row, prefill_key).value_or(0);
}

Number sum(const Number& left, const Number& right) {
  if (!left && !right) return std::nullopt;
  return left.value_or(0) + right.value_or(0);
}

void add_shares(Json& row, const Number& requests) {
  const Number elsewhere = sum(number_at(row, "computed_on_host"), number_at(row, "read_in_place"));
  row["hit_share"] = json_of(ratio(in_decode(row, "hit_on_time", "prefill_hit_on_time"), requests));
  row["late_share"] = json_of(ratio(in_decode(row, "hit_late", "prefill_hit_late"), requests));
  row["miss_share"] = json_of(ratio(in_decode(row, "miss", "prefill_miss"), requests));
  row["elsewhere_share"] = json_of(ratio(elsewhere, requests));
}

void add_steps(Json& row) {
  const Number steps = number_at(row, "steps");
  const Number demand =
      sum(in_decode(row, "bytes_demand", "prefill_bytes_demand"), number_at(row, "bytes_fill"));
  const Number wasted =
      sum(number_at(row, "bytes_prefetch_wasted"), number_at(row, "bytes_prefetch_cancelled"));
  row["demand_bytes"] = json_of(ratio(demand, steps));
  row["useful_bytes"] = json_of(ratio(number_at(row, "bytes_prefetch_useful"), steps));
  row["late_bytes"] = json_of(ratio(number_at(row, "bytes_prefetch_late"), steps));
  row["wasted_bytes"] = json_of(ratio(wasted, steps));
  row["step_stall_ns"] = json_of(ratio(in_decode(row, "stall_ns", "prefill_stall_ns"), steps));
  if (text_at(row, "policy") != "all-resident")
    row["bound_ratio"] = json_of(ratio(number_at(row, "step_ns_mean"), number_at(row, "bound_ns")));
}

std::string what_text(const Json& row) {
  std::string text = text_at(row, "policy");
  const std::string miss = text_at(row, "miss_mode");
  if (!miss.empty() && miss != "copy") text += "+" + miss;
  const std::string predictor = text_at(row, "predictor");
  if (predictor.empty() || predictor == "none") return text;
  text += " + " + predictor;
  if (text_at(row, "prefetch") == "named") text += " (named)";
  if (const Number coverage = number_at(row, "coverage")) text += fmt::format(" @{:.0f}", *coverage);
  return text;
}

const char* role_text(const Json& row) {
  if (is_true_at(row, "is_bound")) return "bound";
  return is_true_at(row, "is_baseline") ? "baseline" : "asked for";
}

Number experts_of(const Result& result) {
  const Number layers = number_at(result.provenance(), "layers");
  const Number experts = number_at(result.provenance(), "experts");
  if (!layers || !experts) return std::nullopt;
  return *layers * *experts;
}

}  // namespace

Json replay_shown_rows(const Result& result) {
  Json rows = Json::array();
  for (Json row : result.rows()) {
    row["what"] = what_text(row);
    row["role"] = role_text(row);
    row["share_of_experts"] =
        json_of(ratio(sum(number_at(row, "slabs"), number_at(row, "staging_slabs")), experts_of(result)));
    add_shares(row, in_decode(row, "requests", "prefill_requests"));
    add_steps(row);
    rows.push_back(std::move(row));
  }
  return rows;
}

namespace {

void add_layers(Section& section, const Result& result) {
  const auto layers = result.document.find("layers");
  if (layers == result.document.end() || !layers->is_array()) return;
  Json rows = Json::array();
  for (Json row : *layers) {
    if (!row.is_object()) return;
    add_shares(row, number_at(row, "requests"));
    rows.push_back(std::move(row));
  }
  Table table = shown_table("By layer, the first row, prompts counted too", layer_columns, rows);
  table.is_folded = true;
  section.blocks.emplace_back(std::move(table));
}

/// Without the column of what was computed or read elsewhere where nothing was.
std::vector<Shown> columns_for(const Json& rows) {
  std::vector<Shown> chosen(columns.begin(), columns.end());
  const bool any = std::any_of(rows.begin(), rows.end(), [](const Json& row) {
    return number_at(row, "elsewhere_share").value_or(0) != 0;
  });
  if (!any)
    std::erase_if(chosen,
                  [](const Shown& column) { return std::string_view(column.key) == "elsewhere_share"; });
  return chosen;
}

}  // namespace

void add_replay(Section& section, const Result& result) {
  const Json rows = replay_shown_rows(result);
  Table table = shown_table(fmt::format("Hits, bytes and stall of {}", result.name), columns_for(rows), rows);
  table.note = note;
  section.blocks.emplace_back(std::move(table));
  if (result.document.contains("identical_to_all_resident")) {
    const bool same = is_true_at(result.document, "identical_to_all_resident");
    section.blocks.emplace_back(
        Paragraph{same ? "The text written is the same as with all experts resident."
                       : "The text written DIFFERS from that with all experts resident.",
                  !same});
  }
  add_layers(section, result);
}

}  // namespace prophet::page
