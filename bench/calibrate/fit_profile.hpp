#pragma once

#include <cstdint>
#include <span>

#include "bench/calibrate/step_time_config.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet {

struct MeasuredConfig {
  StepTimeConfig config;
  std::uint64_t step_ns = 0;  ///< as measure_steps gives it
};

/// The profile under which the sim comes nearest to the measured step times: coordinate descent over the
/// rates and latencies on the mean of |log(predicted / measured)|. Calibrated in place, on whole steps,
/// because rates measured one by one miss what the parts do to each other.
[[nodiscard]] GpuProfile fit_profile(GpuProfile start, std::span<const MeasuredConfig> measured,
                                     std::uint32_t sim_steps);

/// That mean for a profile.
[[nodiscard]] double mean_log_error(const GpuProfile& profile, std::span<const MeasuredConfig> measured,
                                    std::uint32_t sim_steps);

}  // namespace prophet
