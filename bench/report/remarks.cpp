#include "bench/report/remarks.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace prophet {

std::string bound_text(const ReportedRow& asked) {
  const ClairvoyantBound& bound = asked.bound;
  const auto steps = static_cast<double>(std::max<std::uint64_t>(1, asked.row.metrics.steps));
  const std::string cache =
      fmt::format("{:.2f} MB/step, hit rate {:.2f} %", static_cast<double>(bound.bytes) / steps / 1e6,
                  100.0 * (1.0 - static_cast<double>(bound.misses) /
                                     static_cast<double>(std::max<std::uint64_t>(1, bound.requests))));
  const std::string slabs = fmt::format("{} + {} slabs", asked.row.what.slabs, asked.row.what.staging_slabs);
  if (!asked.has_times) return fmt::format("bound   of {}: {}\n", slabs, cache);
  if (bound.with_host_ns != 0) {
    return fmt::format(
        "bound   of {}, link and host at once: {:.3f} ms/step: compute {:.3f}, copies alone {:.3f} "
        "({})\n",
        slabs, static_cast<double>(bound.total_ns()) / steps / 1e6,
        static_cast<double>(bound.compute_ns) / steps / 1e6, static_cast<double>(bound.copy_ns) / steps / 1e6,
        cache);
  }
  return fmt::format("bound   of {}: {:.3f} ms/step: compute {:.3f}, copies {:.3f} ({})\n", slabs,
                     static_cast<double>(bound.total_ns()) / steps / 1e6,
                     static_cast<double>(bound.compute_ns) / steps / 1e6,
                     static_cast<double>(bound.copy_ns) / steps / 1e6, cache);
}

std::string passes_text(const ReportedRow& reported) {
  const ReplayMetrics& m = reported.row.metrics;
  std::string text =
      fmt::format("{} decode steps with {} requests for experts", m.steps, m.decode().requests.requests);
  if (m.prefill_passes == 0) return text + "\n";
  text += fmt::format("; besides, in {} prefill passes, {} requests, {:.2f} MB copied", m.prefill_passes,
                      m.prefill.requests.requests, static_cast<double>(m.prefill.bytes.copied) / 1e6);
  if (reported.has_times)
    text += fmt::format(", {:.3f} ms of stall", static_cast<double>(m.prefill.stall_ns) / 1e6);
  return text + "\n";
}

std::string miss_text(const ReportedRow& reported) {
  const ReplayMetrics& m = reported.row.metrics;
  if (reported.row.what.miss == MissMode::copy) return "";
  const LayerCounts met = m.decode().requests;
  const auto steps = static_cast<double>(std::max<std::uint64_t>(1, m.steps));
  const auto a_step = [&](std::uint64_t count) { return static_cast<double>(count) / steps; };
  std::string text = fmt::format(
      "of a step's {:.1f} misses {:.1f} were copied, {:.1f} computed on the host and {:.1f} read in place; "
      "{:.3f} MB of rows and results crossed the link for that, and {:.2f} MB of experts computed elsewhere "
      "were "
      "copied for the next time\n",
      a_step(met.miss + met.host + met.in_place), a_step(met.miss), a_step(met.host), a_step(met.in_place),
      a_step(m.activation_bytes) / 1e6, a_step(m.decode().bytes.fill) / 1e6);
  if (!reported.has_times) return text;
  const MissCosts& costs = reported.row.miss_costs;
  return text + fmt::format(
                    "a miss alone costs {:.1f} us copied, {:.1f} us on the host ({:.2f} more for each "
                    "further row) and {:.1f} us in place, as measured here; copies and host at once take "
                    "{:.2f} and {:.2f} times as long; the host was busy for {:.3f} ms/step\n",
                    costs.copy_ns / 1e3, costs.host_ns / 1e3, costs.host_row_ns / 1e3,
                    costs.in_place_ns / 1e3, costs.copy_slowdown, costs.host_slowdown,
                    a_step(m.host_ns) / 1e6);
}

std::string preload_text(const ReportedRow& reported, const ExpertGrid& grid) {
  if (!reported.row.what.has_slab_for_all(grid)) return "";
  return fmt::format(
      "a slab for every expert: all {} were brought in before the first step, which is not counted, as for "
      "all-resident\n",
      reported.row.preloaded);
}

std::string spared_text(const ReplayMetrics& m) {
  if (m.forecast_spared_layers == 0) return "";
  return fmt::format("behind {} layers no forecast was asked for: all experts of the next ones were there\n",
                     m.forecast_spared_layers);
}

std::string forecast_text(const ReplayMetrics& m) {
  if (m.forecast.wanted == 0) return spared_text(m);
  const auto percent = [](std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  };
  std::string text = fmt::format(
      "forecast one layer ahead: recall@k {:.2f} %, recall@2k {:.2f} %, precision on experts not resident "
      "{:.2f} %; {} prefetches issued, {} failed; prefetch rested in {} layers\n",
      percent(m.forecast.recalled_at_k, m.forecast.wanted),
      percent(m.forecast.recalled_at_2k, m.forecast.wanted),
      percent(m.forecast.absent_named_wanted, m.forecast.absent_named), m.prefetches_issued,
      m.prefetches_failed, m.prefetch_paused_layers);
  text += spared_text(m);
  if (m.routers_ahead != 0) {
    text += fmt::format(
        "for it, {} times the router of a coming layer was applied: {:.2f} MB of logits to the host\n",
        m.routers_ahead, static_cast<double>(m.logits_ahead_bytes) / 1e6);
  }
  return text;
}

}  // namespace prophet
