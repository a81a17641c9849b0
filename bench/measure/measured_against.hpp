#pragma once

#include <optional>
#include <string>

#include "bench/measure/measurements.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet::measure {

/// What measured figures are compared with.
struct MeasuredAgainst {
  std::optional<GpuProfile> profile;
  kernels::ExpertRates rates;  ///< of the profile; all 0 without one
};

/// `asked`: a profile's name or file, or empty: that of the GPU, if there is one. Throws as load_gpu_profile
/// does.
[[nodiscard]] MeasuredAgainst choose_profile(const std::string& asked, const MeasuredGpu& gpu);

}  // namespace prophet::measure
