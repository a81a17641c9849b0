#include "bench/calibrate/fit_profile.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

namespace prophet {
namespace {

/// One number of a profile that the fit may scale, and the range in which it makes sense.
struct Knob {
  std::function<void(GpuProfile&, double)> scale;
};

std::uint64_t scaled(std::uint64_t value, double factor) {
  return static_cast<std::uint64_t>(std::llround(std::max(1.0, static_cast<double>(value) * factor)));
}

const std::vector<Knob>& knobs() {
  static const std::vector<Knob> all{
      {[](GpuProfile& p, double f) { p.memory_bytes_per_s *= f; }},
      {[](GpuProfile& p, double f) {
        // A copy is a read and a write: no faster than the reads alone.
        p.link_bytes_per_s = std::min(p.link_bytes_per_s * f, p.memory_bytes_per_s);
      }},
      {[](GpuProfile& p, double f) {
        // The experts of a calibration are fp32: there is one rate to see, and it is both.
        p.flops_per_s *= f;
        p.vector_flops_per_s = p.flops_per_s;
      }},
      {[](GpuProfile& p, double f) { p.launch_latency_ns = scaled(p.launch_latency_ns, f); }},
      {[](GpuProfile& p, double f) { p.copy_latency_ns = scaled(p.copy_latency_ns, f); }},
      {[](GpuProfile& p, double f) { p.event_latency_ns = scaled(p.event_latency_ns, f); }},
      {[](GpuProfile& p, double f) { p.host_submit_ns = scaled(p.host_submit_ns, f); }},
      {[](GpuProfile& p, double f) { p.host_wake_ns = scaled(p.host_wake_ns, f); }},
      {[](GpuProfile& p, double f) {
        p.copy_rate_while_computing = std::clamp(p.copy_rate_while_computing * f, 0.5, 1.0);
      }},
      {[](GpuProfile& p, double f) {
        p.compute_rate_while_copying = std::clamp(p.compute_rate_while_copying * f, 0.5, 1.0);
      }},
  };
  return all;
}

}  // namespace

double mean_log_error(const GpuProfile& profile, std::span<const MeasuredConfig> measured,
                      std::uint32_t sim_steps) {
  double sum = 0;
  for (const MeasuredConfig& m : measured) {
    const auto predicted = static_cast<double>(predict_on_sim(m.config, profile, sim_steps));
    sum += std::abs(std::log(predicted / static_cast<double>(m.step_ns)));
  }
  return sum / static_cast<double>(measured.size());
}

namespace {

std::pair<GpuProfile, double> descend(GpuProfile best, std::span<const MeasuredConfig> measured,
                                      std::uint32_t sim_steps) {
  double best_error = mean_log_error(best, measured, sim_steps);
  for (const double factor : {2.0, 1.5, 1.2, 1.1, 1.04}) {
    for (bool improved = true; improved;) {
      improved = false;
      for (const Knob& knob : knobs()) {
        for (const double f : {factor, 1.0 / factor}) {
          GpuProfile candidate = best;
          knob.scale(candidate, f);
          const double error = mean_log_error(candidate, measured, sim_steps);
          if (error >= best_error * 0.999) continue;
          best = candidate;
          best_error = error;
          improved = true;
        }
      }
    }
  }
  return {best, best_error};
}

}  // namespace

GpuProfile fit_profile(GpuProfile start, std::span<const MeasuredConfig> measured, std::uint32_t sim_steps) {
  GpuProfile best = start;
  double best_error = std::numeric_limits<double>::infinity();
  // Descent ends in the nearest valley; compute-bound and overhead-bound machines begin in different ones.
  for (const double compute : {1.0, 4.0}) {
    for (const double overhead : {0.3, 1.0, 3.0}) {
      GpuProfile from = start;
      from.flops_per_s *= compute;
      from.vector_flops_per_s = from.flops_per_s;
      from.host_wake_ns = scaled(from.host_wake_ns, overhead);
      from.launch_latency_ns = scaled(from.launch_latency_ns, overhead);
      const auto [profile, error] = descend(from, measured, sim_steps);
      if (error >= best_error) continue;
      best = profile;
      best_error = error;
    }
  }
  return best;
}

}  // namespace prophet
