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

std::string forecast_text(const ReplayMetrics& m) {
  if (m.forecast.wanted == 0) return "";
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
  if (m.routers_ahead != 0) {
    text += fmt::format(
        "for it, {} times the router of a coming layer was applied: {:.2f} MB of logits to the host\n",
        m.routers_ahead, static_cast<double>(m.logits_ahead_bytes) / 1e6);
  }
  return text;
}

}  // namespace prophet
