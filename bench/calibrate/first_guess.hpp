#pragma once

#include <string>

#include "runtime/device/device.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet {

/// Where a fit begins: rates of large copies measured on `device`, its memory size, and usual latencies of
/// its kind. Allocates some 100 MiB on it for the time of the call.
[[nodiscard]] GpuProfile first_guess(Device& device);

/// A device's name as a profile may have it: "cuda-0-nvidia-h100-80gb-hbm3".
[[nodiscard]] std::string profile_name(const std::string& device_name);

/// What a profile fitted on `device` says its numbers rest on.
[[nodiscard]] ProfileSources calibration_sources(const DeviceInfo& device);

}  // namespace prophet
