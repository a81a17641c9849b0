#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "bench/calibrate/fit_profile.hpp"
#include "runtime/device/device.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet {

/// A configuration that was measured, and what the sim says of it.
struct Judged {
  MeasuredConfig measured;
  std::uint64_t predicted_ns = 0;
  double error = 0;  ///< |predicted - measured| / measured
};

[[nodiscard]] std::vector<Judged> judge(const GpuProfile& profile, std::span<const MeasuredConfig> measured,
                                        std::uint32_t steps);

/// Without predictions, for a device whose times mean nothing.
[[nodiscard]] std::vector<Judged> not_judged(std::span<const MeasuredConfig> measured);

/// One line a configuration, and the errors' quantiles beside their targets. Where times mean nothing they
/// are "-".
[[nodiscard]] std::string judgement_table(const std::vector<Judged>& judged, const DeviceInfo& device);

/// The same: "rows", "median_error" and "p90_error"; null where times mean nothing.
void add_judgement(nlohmann::json& document, const std::vector<Judged>& judged, const DeviceInfo& device);

}  // namespace prophet
