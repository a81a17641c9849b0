#include "bench/report/replay_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <numeric>

#include "runtime/cache/make_policy.hpp"

namespace prophet {
namespace {

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

double per_step(std::uint64_t total, const ReplayMetrics& metrics) {
  return share(total, metrics.steps);
}

std::uint64_t mean_step_ns(const ReplayMetrics& metrics) {
  const std::uint64_t sum = std::accumulate(metrics.step_ns.begin(), metrics.step_ns.end(), std::uint64_t{0});
  return metrics.steps == 0 ? 0 : sum / metrics.steps;
}

/// Of decode, over the time of its steps.
double tokens_per_s(const ReplayMetrics& metrics) {
  const std::uint64_t sum = std::accumulate(metrics.step_ns.begin(), metrics.step_ns.end(), std::uint64_t{0});
  return sum == 0 ? 0.0 : static_cast<double>(metrics.decode_tokens) / (static_cast<double>(sum) / 1e9);
}

std::string milliseconds(double ns) {
  return fmt::format("{:.3f}", ns / 1e6);
}

std::string megabytes_per_step(std::uint64_t bytes, const ReplayMetrics& metrics) {
  return fmt::format("{:.2f}", per_step(bytes, metrics) / 1e6);
}

/// The keys of a row whose values are times.
constexpr std::array time_keys = {"total_ns",        "compute_ns",   "stall_ns",           "total_ns_min",
                                  "total_ns_max",    "step_ns_mean", "step_ns_p50",        "step_ns_p99",
                                  "bound_ns",        "tokens_per_s", "prefill_compute_ns", "prefill_stall_ns",
                                  "host_ns",         "miss_copy_ns", "miss_host_ns",       "miss_host_row_ns",
                                  "miss_in_place_ns"};

std::string describe(const ReplayCase& what) {
  std::string policy = what.policy;
  if (what.miss != MissMode::copy) policy += fmt::format("+{}", miss_mode_name(what.miss));
  if (what.predictor == "none") return policy;
  const std::string how = what.prefetch == PrefetchRule::named ? " (named)" : "";
  const std::string coverage = what.coverage != 0 ? fmt::format(" @{}", what.coverage) : "";
  return policy + " + " + what.predictor + how + coverage;
}

}  // namespace

namespace {

nlohmann::json row_json_with_times(const ReportedRow& reported) {
  const ReplayRow& row = reported.row;
  const ReplayMetrics& m = row.metrics;
  return {{"is_baseline", reported.is_baseline},
          {"is_bound", policy_is_bound(row.what.policy) || row.what.predictor == "oracle"},
          {"simulated", reported.simulated},
          {"device_bytes", row.device_bytes},
          {"slab_bytes", row.slab_bytes},
          {"fits", row.fits},
          {"experts_preloaded", row.preloaded},
          {"steps", m.steps},
          {"prefill_passes", m.prefill_passes},
          {"tokens", m.tokens},
          {"decode_tokens", m.decode_tokens},
          {"tokens_per_s", tokens_per_s(m)},
          {"captured_steps", m.captured_steps},
          {"captured_steps_left", m.captured_steps_left},
          {"requests", m.total.requests},
          {"hit_on_time", m.total.hit_on_time},
          {"hit_late", m.total.hit_late},
          {"miss", m.total.miss},
          {"computed_on_host", m.total.host},
          {"read_in_place", m.total.in_place},
          {"bytes_copied", m.bytes.copied},
          {"bytes_demand", m.bytes.demand},
          {"bytes_fill", m.bytes.fill},
          {"bytes_activations", m.activation_bytes},
          {"bytes_prefetch_useful", m.bytes.prefetch_useful},
          {"bytes_prefetch_late", m.bytes.prefetch_late},
          {"bytes_prefetch_wasted", m.bytes.prefetch_wasted},
          {"bytes_prefetch_cancelled", m.bytes.prefetch_cancelled},
          {"prefetches_issued", m.prefetches_issued},
          {"prefetches_failed", m.prefetches_failed},
          {"prefetch_paused_layers", m.prefetch_paused_layers},
          {"forecast_spared_layers", m.forecast_spared_layers},
          {"forecast_wanted", m.forecast.wanted},
          {"forecast_recall_at_k", share(m.forecast.recalled_at_k, m.forecast.wanted)},
          {"forecast_recall_at_2k", share(m.forecast.recalled_at_2k, m.forecast.wanted)},
          {"forecast_precision_not_resident", share(m.forecast.absent_named_wanted, m.forecast.absent_named)},
          {"routers_ahead", m.routers_ahead},
          {"logits_ahead_bytes", m.logits_ahead_bytes},
          {"rounds_extra", m.rounds_extra},
          {"slabs_verified", m.slabs_verified},
          {"outputs_digest", fmt::format("{:016x}", m.outputs_digest)},
          {"total_ns", m.total_ns},
          {"compute_ns", m.compute_ns},
          {"host_ns", m.host_ns},
          {"miss_copy_ns", row.miss_costs.copy_ns},
          {"miss_host_ns", row.miss_costs.host_ns},
          {"miss_host_row_ns", row.miss_costs.host_row_ns},
          {"miss_in_place_ns", row.miss_costs.in_place_ns},
          {"stall_ns", m.stall_ns},
          {"prefill_requests", m.prefill.requests.requests},
          {"prefill_hit_on_time", m.prefill.requests.hit_on_time},
          {"prefill_hit_late", m.prefill.requests.hit_late},
          {"prefill_miss", m.prefill.requests.miss},
          {"prefill_bytes_copied", m.prefill.bytes.copied},
          {"prefill_bytes_demand", m.prefill.bytes.demand},
          {"prefill_compute_ns", m.prefill.compute_ns},
          {"prefill_stall_ns", m.prefill.stall_ns},
          {"total_ns_min", row.total_ns_min},
          {"total_ns_max", row.total_ns_max},
          {"step_ns_mean", mean_step_ns(m)},
          {"step_ns_p50", quantile_ns(m.step_ns, 0.50)},
          {"step_ns_p99", quantile_ns(m.step_ns, 0.99)},
          {"bound_requests", reported.bound.requests},
          {"bound_misses", reported.bound.misses},
          {"bound_bytes", reported.bound.bytes},
          {"bound_ns", m.steps == 0 ? 0 : reported.bound.total_ns() / m.steps}};
}

}  // namespace

nlohmann::json case_json(const ReplayCase& what) {
  nlohmann::json all = {{"policy", what.policy},
                        {"predictor", what.predictor},
                        {"miss_mode", miss_mode_name(what.miss)},
                        {"batch", what.batch},
                        {"slabs", what.slabs},
                        {"staging_slabs", what.staging_slabs},
                        {"lookahead_layers", what.lookahead_layers},
                        {"coverage", nullptr},
                        {"prefetch", what.prefetch == PrefetchRule::named ? "named" : "paying"}};
  if (what.coverage != 0) all["coverage"] = what.coverage;
  return all;
}

nlohmann::json row_json(const ReportedRow& reported) {
  nlohmann::json row = row_json_with_times(reported);
  row.update(case_json(reported.row.what));
  if (reported.has_times) return row;
  for (const char* key : time_keys) row[key] = nullptr;
  return row;
}

nlohmann::json layers_json(const ReportedRow& reported) {
  const ReplayMetrics& m = reported.row.metrics;
  nlohmann::json layers = nlohmann::json::array();
  for (std::size_t l = 0; l < m.layers.size(); ++l) {
    const LayerCounts& counts = m.layers[l];
    const ForecastCounts& forecast = m.forecast_layers[l];
    layers.push_back(
        {{"layer", l},
         {"requests", counts.requests},
         {"hit_on_time", counts.hit_on_time},
         {"hit_late", counts.hit_late},
         {"miss", counts.miss},
         {"computed_on_host", counts.host},
         {"read_in_place", counts.in_place},
         {"forecast_wanted", forecast.wanted},
         {"forecast_recall_at_k", share(forecast.recalled_at_k, forecast.wanted)},
         {"forecast_recall_at_2k", share(forecast.recalled_at_2k, forecast.wanted)},
         {"forecast_precision_not_resident", share(forecast.absent_named_wanted, forecast.absent_named)}});
  }
  return layers;
}

std::string rows_csv(const std::vector<ReportedRow>& rows) {
  std::string text;
  for (const ReportedRow& reported : rows) {
    const nlohmann::json row = row_json(reported);
    std::string keys;
    std::string values;
    for (const auto& [key, value] : row.items()) {
      if (!keys.empty()) {
        keys += ',';
        values += ',';
      }
      keys += key;
      values += value.is_string() ? value.get<std::string>() : value.dump();
    }
    if (text.empty()) text = keys + "\n";
    text += values + "\n";
  }
  return text;
}

namespace {

/// Of the column that only some tables have.
std::string elsewhere_column(bool with_elsewhere, const std::string& text) {
  return with_elsewhere ? fmt::format(" {:>6}", text) : "";
}

}  // namespace

std::string table_header(bool with_elsewhere) {
  return fmt::format(
             "{:<28} {:>5} {:>6} {:>7} {:>6} {:>6}{} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>9}\n",
             "policy + predictor", "batch", "slabs", "hit", "late", "miss",
             elsewhere_column(with_elsewhere, "else"), "demand", "useful", "wasted", "stall", "step p50",
             "step p99", "step mean", "x bound", "decode") +
         fmt::format(
             "{:<28} {:>5} {:>6} {:>7} {:>6} {:>6}{} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>9}\n",
             "", "", "", "%", "%", "%", elsewhere_column(with_elsewhere, "%"), "MB/step", "MB/step",
             "MB/step", "ms/step", "ms", "ms", "ms", "", "tok/s");
}

std::string table_line(const ReportedRow& reported, bool with_elsewhere) {
  const ReplayMetrics& m = reported.row.metrics;
  const double mean_ns = static_cast<double>(mean_step_ns(m));
  const PassTotals decode = m.decode();
  const LayerCounts& met = decode.requests;
  const double bound_ns = per_step(reported.bound.total_ns(), m);
  const auto time = [&](double ns) { return reported.has_times ? milliseconds(ns) : std::string("-"); };
  const bool has_ratio = reported.has_times && reported.row.what.policy != "all-resident" && bound_ns > 0;
  return fmt::format(
      "{:<28} {:>5} {:>6} {:>7.2f} {:>6.2f} {:>6.2f}{} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} "
      "{:>8} {:>9}\n",
      describe(reported.row.what) + (reported.is_baseline ? " *" : ""), reported.row.what.batch,
      reported.row.what.slabs, 100 * share(met.hit_on_time, met.requests),
      100 * share(met.hit_late, met.requests), 100 * share(met.miss, met.requests),
      elsewhere_column(with_elsewhere,
                       fmt::format("{:.2f}", 100 * share(met.host + met.in_place, met.requests))),
      megabytes_per_step(decode.bytes.demand + decode.bytes.fill, m),
      megabytes_per_step(decode.bytes.prefetch_useful, m),
      megabytes_per_step(decode.bytes.prefetch_wasted + decode.bytes.prefetch_cancelled, m),
      time(per_step(decode.stall_ns, m)), time(static_cast<double>(quantile_ns(m.step_ns, 0.5))),
      time(static_cast<double>(quantile_ns(m.step_ns, 0.99))), time(mean_ns),
      has_ratio ? fmt::format("{:.2f}", mean_ns / bound_ns) : "-",
      reported.has_times ? fmt::format("{:.1f}", tokens_per_s(m)) : "-");
}

std::string table_legend(bool with_elsewhere) {
  std::string text =
      "* baseline of the same run.  hit: resident when its layer wanted it; late: in flight; miss: not "
      "started.\n"
      "demand/useful/wasted: bytes copied for misses, for prefetches that were used, and for those that "
      "were not\n"
      "(cancelled ones included).  stall: the compute stream had nothing to run because an expert was not "
      "there.\n"
      "bound: the larger of all-resident compute time and a clairvoyant cache's bytes over the link.  All "
      "of "
      "decode steps only.\n";
  if (!with_elsewhere) return text;
  return text +
         "miss: copied while the layer waited; else: computed on the host or read in place instead.  demand "
         "also "
         "counts what\nwas computed elsewhere and copied for the next time.  The bound lets link and host "
         "work at "
         "once.\n";
}

}  // namespace prophet
