#include "bench/calibrate/calibration_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace prophet {
namespace {

constexpr double median_error_target = 0.10;
constexpr double p90_error_target = 0.25;

double error_quantile(const std::vector<Judged>& judged, double q) {
  std::vector<double> errors;
  for (const Judged& j : judged) errors.push_back(j.error);
  std::sort(errors.begin(), errors.end());
  return errors[static_cast<std::size_t>(std::ceil(q * static_cast<double>(errors.size()))) - 1];
}

/// A number, or "-" in its place.
std::string number(double value, int digits, bool means_something) {
  return means_something ? fmt::format("{:.{}f}", value, digits) : std::string("-");
}

std::string line(const Judged& j, bool has_times) {
  return fmt::format("{:<72} {:>11} {:>11} {:>8}\n", j.measured.config.describe(),
                     number(static_cast<double>(j.measured.step_ns) / 1e6, 3, has_times),
                     number(static_cast<double>(j.predicted_ns) / 1e6, 3, has_times),
                     number(100 * j.error, 1, has_times));
}

std::string summary(const std::vector<Judged>& judged, const DeviceInfo& device) {
  const bool has_times = device.times_mean_something;
  const auto unthrottled = std::count_if(
      judged.begin(), judged.end(), [](const Judged& j) { return j.measured.config.link_bytes_per_s == 0; });
  std::string text = fmt::format(
      "{} configurations, {} without a throttle: median error {} % (target at most {:.0f}), p90 {} % (target "
      "at most {:.0f})\n",
      judged.size(), unthrottled, number(100 * error_quantile(judged, 0.5), 1, has_times),
      100 * median_error_target, number(100 * error_quantile(judged, 0.9), 1, has_times),
      100 * p90_error_target);
  if (!has_times) {
    return text +
           "This is the test vehicle: its times mean nothing, so none is printed and no profile is "
           "written.\n";
  }
  text += fmt::format("This says how well the sim predicts {} on this machine.", device.name);
  return text + (device.kind == "cpu" ? " It says nothing about GPUs.\n" : "\n");
}

}  // namespace

std::vector<Judged> judge(const GpuProfile& profile, std::span<const MeasuredConfig> measured,
                          std::uint32_t steps) {
  std::vector<Judged> judged;
  for (const MeasuredConfig& m : measured) {
    const std::uint64_t predicted = predict_on_sim(m.config, profile, steps);
    const double off = static_cast<double>(predicted) - static_cast<double>(m.step_ns);
    judged.push_back({m, predicted, std::abs(off) / static_cast<double>(m.step_ns)});
  }
  return judged;
}

std::vector<Judged> not_judged(std::span<const MeasuredConfig> measured) {
  std::vector<Judged> all;
  for (const MeasuredConfig& m : measured) all.push_back({m, 0, 0});
  return all;
}

std::string judgement_table(const std::vector<Judged>& judged, const DeviceInfo& device) {
  const StepTimeConfig& like = judged.front().measured.config;
  const std::string title = fmt::format("held-out configuration ({} layers x {} experts, top-{})",
                                        like.layers, like.experts, like.top_k);
  std::string text = fmt::format("device  {}\n{:<72} {:>11} {:>11} {:>8}\n", device.name, title,
                                 "measured ms", "sim ms", "error %");
  for (const Judged& j : judged) text += line(j, device.times_mean_something);
  return text + summary(judged, device);
}

void add_judgement(nlohmann::json& document, const std::vector<Judged>& judged, const DeviceInfo& device) {
  const bool has_times = device.times_mean_something;
  const auto or_null = [&](auto value) { return has_times ? nlohmann::json(value) : nlohmann::json(); };
  document["median_error"] = or_null(error_quantile(judged, 0.5));
  document["p90_error"] = or_null(error_quantile(judged, 0.9));
  document["rows"] = nlohmann::json::array();
  for (const Judged& j : judged) {
    const StepTimeConfig& config = j.measured.config;
    document["rows"].push_back({{"layers", config.layers},
                                {"experts", config.experts},
                                {"top_k", config.top_k},
                                {"expert_bytes", config.expert_bytes},
                                {"slabs", config.slabs},
                                {"batch", config.batch},
                                {"prefetch", config.prefetch},
                                {"chunk_bytes", config.chunk_bytes},
                                {"throttle_bytes_per_s", config.link_bytes_per_s},
                                {"measured_step_ns", or_null(j.measured.step_ns)},
                                {"predicted_step_ns", or_null(j.predicted_ns)},
                                {"error", or_null(j.error)}});
  }
}

}  // namespace prophet
