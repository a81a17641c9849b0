#include <fmt/format.h>

#include <array>

#include "bench/page/result_table.hpp"
#include "bench/page/sections.hpp"

namespace prophet::page {
namespace {

constexpr std::array columns{
    shown_text("boundary", "boundary"),
    shown_text("role", "role"),
    Shown{"kv_share", "KV share", "%", to_percent, 0},
    Shown{"goodput_per_s", "good requests", "1/s", 1, 3},
    shown_count("good_requests", "good"),
    shown_count("refused", "refused"),
    Shown{"first_token_p50_ns", "first token p50", "ms", ns_to_ms, 1},
    Shown{"first_token_p90_ns", "first token p90", "ms", ns_to_ms, 1},
    Shown{"first_token_p99_ns", "first token p99", "ms", ns_to_ms, 1},
    Shown{"between_tokens_p50_ns", "between tokens p50", "ms", ns_to_ms, 2},
    Shown{"between_tokens_p90_ns", "between tokens p90", "ms", ns_to_ms, 2},
    Shown{"between_tokens_p99_ns", "between tokens p99", "ms", ns_to_ms, 2},
    shown_count("preemptions", "preempted"),
    Shown{"prefix_hit_rate", "prefix hit", "%", to_percent, 1},
    Shown{"expert_hit_rate", "expert hit", "%", to_percent, 2},
    Shown{"expert_bytes_copied", "experts copied", "GB", to_giga, 2},
    Shown{"stall_ns", "stall, whole run", "ms", ns_to_ms, 1},
    Shown{"moves_per_thousand_steps", "slabs moved", "1/1000 steps", 1, 1},
    shown_count("turns", "turns"),
};

const char* role_text(const Json& row) {
  if (is_true_at(row, "is_bound")) return "bound, no run";
  return is_true_at(row, "ran") ? "run" : "does not fit";
}

}  // namespace

void add_serve(Section& section, const Result& result) {
  Json rows = Json::array();
  for (Json row : result.rows()) {
    row["role"] = role_text(row);
    rows.push_back(std::move(row));
  }
  Table table = shown_table(fmt::format("Serving in {}", result.name), columns, rows);
  table.note =
      "good: within the limits on first token and between tokens; good requests over the time in which "
      "requests came. turns: reversals of the boundary's direction. The bound takes the best fixed share of "
      "each window in hindsight.";
  section.blocks.emplace_back(std::move(table));
}

}  // namespace prophet::page
