#include "bench/report/serve_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace prophet {
namespace {

double ms(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

double goodput_of(const ServeRow& row) {
  return row.summary.goodput_per_s;
}

}  // namespace

ServeRow best_per_window(const std::vector<ServeRow>& rows, std::uint32_t windows,
                         const ServeLimits& limits) {
  ServeRow bound;
  bound.boundary = "best-per-window";
  bound.is_bound = true;
  bound.ran = false;
  const std::size_t requests = rows.empty() ? 0 : rows.front().result.requests.size();
  for (std::uint32_t w = 0; w < windows; ++w) {
    const std::size_t begin = requests * w / windows;
    const std::size_t end = requests * (w + 1) / windows;
    std::uint64_t best = 0;
    for (const ServeRow& row : rows) {
      if (row.boundary != "fixed") continue;
      std::uint64_t good = 0;
      for (std::size_t r = begin; r < end; ++r) good += is_good(row.result.requests[r], limits) ? 1U : 0U;
      best = std::max(best, good);
    }
    bound.summary.good += best;
  }
  const std::uint64_t came_ns = requests == 0 ? 0 : rows.front().result.requests.back().arrival_ns;
  if (came_ns != 0)
    bound.summary.goodput_per_s =
        static_cast<double>(bound.summary.good) * 1e9 / static_cast<double>(came_ns);
  return bound;
}

std::string serve_table_header() {
  return fmt::format(
      "{:<16} {:>5} {:>8} {:>5} {:>6} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>6} {:>7} {:>7} {:>8} {:>7} "
      "{:>6}\n",
      "boundary", "KV %", "good/s", "good", "refuse", "TTFT p50", "p90", "p99", "TBT p50", "p90", "p99",
      "preempt", "prefix%", "hit %", "GB moved", "mv/1000", "turns");
}

std::string serve_table_line(const ServeRow& row) {
  const ServeSummary& s = row.summary;
  if (row.is_bound) {
    return fmt::format("{:<16} {:>5} {:>8.3f} {:>5}   (hindsight, no run)\n", row.boundary, "",
                       s.goodput_per_s, s.good);
  }
  if (!row.ran) return fmt::format("{:<16} does not fit\n", row.boundary);
  return fmt::format(
      "{:<16} {:>5.0f} {:>8.3f} {:>5} {:>6} {:>9.0f} {:>9.0f} {:>9.0f} {:>8.1f} {:>8.1f} {:>8.1f} {:>6} "
      "{:>7.1f} "
      "{:>7.1f} "
      "{:>8.0f} {:>7.1f} {:>6}\n",
      row.boundary, row.kv_share * 100, s.goodput_per_s, s.good, s.refused, ms(s.first_token_ns[0]),
      ms(s.first_token_ns[1]), ms(s.first_token_ns[2]), ms(s.between_tokens_ns[0]),
      ms(s.between_tokens_ns[1]), ms(s.between_tokens_ns[2]), row.result.preemptions, s.prefix_hit_rate * 100,
      s.hit_rate * 100, static_cast<double>(row.result.engine.bytes.copied) / 1e9, s.moves_per_thousand_steps,
      row.result.turns);
}

std::string serve_table_legend() {
  return "good/s: requests within both limits, over the time in which requests came. TTFT: arrival to first "
         "token, TBT: between tokens, ms, simulated.\nhit %: of experts in decode steps. GB moved: experts "
         "copied over the link. mv/1000: slabs moved per thousand steps; turns: reversals of direction.\n";
}

std::string serve_answer(const std::vector<ServeRow>& rows) {
  std::vector<double> fixed;
  const ServeRow* best = nullptr;
  const ServeRow* adaptive = nullptr;
  for (const ServeRow& row : rows) {
    if (row.boundary == "adaptive") adaptive = &row;
    if (row.boundary != "fixed") continue;
    fixed.push_back(goodput_of(row));
    if (best == nullptr || goodput_of(row) > goodput_of(*best)) best = &row;
  }
  if (fixed.empty() || adaptive == nullptr || goodput_of(*best) == 0) return "";
  std::sort(fixed.begin(), fixed.end());
  const double median = fixed[fixed.size() / 2];
  return fmt::format(
      "Best fixed share {:.0f} %: {:.3f} good requests a second; the worst fixed share has {:.1f} % of that, "
      "the "
      "median {:.1f} %, adaptive {:.1f} %.\n",
      best->kv_share * 100, goodput_of(*best), fixed.front() / goodput_of(*best) * 100,
      median / goodput_of(*best) * 100, goodput_of(*adaptive) / goodput_of(*best) * 100);
}

nlohmann::json serve_row_json(const ServeRow& row) {
  const ServeSummary& s = row.summary;
  nlohmann::json json = {{"boundary", row.boundary},
                         {"is_bound", row.is_bound},
                         {"ran", row.ran},
                         {"good_requests", s.good},
                         {"goodput_per_s", s.goodput_per_s}};
  if (!row.ran) return json;
  const ServeResult& r = row.result;
  json["simulated"] = true;
  json["kv_share"] = row.kv_share;
  json["requests"] = r.requests.size();
  json["finished"] = s.finished;
  json["refused"] = s.refused;
  json["steps"] = r.steps;
  json["end_ns"] = r.end_ns;
  constexpr const char* quantile_names[3] = {"p50", "p90", "p99"};
  for (std::size_t q = 0; q < 3; ++q) {
    json[fmt::format("first_token_{}_ns", quantile_names[q])] = s.first_token_ns[q];
    json[fmt::format("between_tokens_{}_ns", quantile_names[q])] = s.between_tokens_ns[q];
  }
  json["preemptions"] = r.preemptions;
  json["recomputed_tokens"] = r.recomputed_tokens;
  json["swapped_bytes"] = r.swapped_bytes;
  json["prompt_tokens"] = r.prompt_tokens;
  json["prefix_tokens"] = r.prefix_tokens;
  json["prefix_hit_rate"] = s.prefix_hit_rate;
  json["waiting_steps"] = r.waiting_steps;
  json["decode_steps"] = r.engine.steps;
  json["prefill_passes"] = r.engine.prefill_passes;
  json["decode_tokens"] = r.engine.decode_tokens;
  json["expert_hit_rate"] = s.hit_rate;
  json["expert_bytes_copied"] = r.engine.bytes.copied;
  json["stall_ns"] = r.engine.stall_ns;
  json["compute_ns"] = r.engine.compute_ns;
  json["slabs_lent"] = r.moves.lent;
  json["slabs_taken_back"] = r.moves.taken_back;
  json["pages_moved"] = r.moves.pages_moved;
  json["moves_failed"] = r.moves.failed;
  json["moves_per_thousand_steps"] = s.moves_per_thousand_steps;
  json["turns"] = r.turns;
  json["urgent_steps"] = r.urgent_steps;
  json["long_wait_steps_max"] = r.long_wait_steps_max;
  json["kv_slabs_mean"] = r.kv_slabs_mean;
  return json;
}

std::string serve_rows_csv(const std::vector<ServeRow>& rows) {
  std::string header;
  std::string text;
  for (const ServeRow& row : rows) {
    if (!row.ran) continue;
    std::string line;
    header.clear();
    const nlohmann::json json = serve_row_json(row);
    for (const auto& [key, value] : json.items()) {
      const char* const comma = header.empty() ? "" : ",";
      header += comma + key;
      line += comma + (value.is_string() ? value.get<std::string>() : value.dump());
    }
    text += line + "\n";
  }
  return header + "\n" + text;
}

}  // namespace prophet
