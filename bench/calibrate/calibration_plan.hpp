#pragma once

#include <cstdint>
#include <vector>

#include "bench/calibrate/step_time_config.hpp"
#include "runtime/device/device.hpp"

namespace prophet {

/// Configurations to fit a profile to, and others, never fitted, to judge it by: all sizes of the second
/// differ from those of the first. Those that share a device stand together.
struct CalibrationPlan {
  std::vector<StepTimeConfig> fitted;
  std::vector<StepTimeConfig> held_out;
  double scale = 1;  ///< what experts were multiplied by so that they fit the memory; at most 1
};

/// For the cpu device. At least 24 configurations are held out, half of them without a throttle. A step
/// touches at least 72 MiB, more than a last-level cache keeps, since the sim has one memory rate
/// (docs/measuring.md).
[[nodiscard]] CalibrationPlan cpu_plan();

/// For a GPU, whose link nobody can throttle: experts of 8 to 24 MiB, so that a step touches at least 148
/// MiB, more than the L2 of any GPU known here (126 MB) keeps; batches of 1 to 24. Next to copies over the
/// link a GPU's own work is short, so that a part has every expert resident. Where `device_bytes` or
/// `host_bytes` are too few for the largest, all are made smaller alike. Throws Error{out_of_memory} when
/// that leaves experts of less than 1 MiB.
[[nodiscard]] CalibrationPlan gpu_plan(std::uint64_t device_bytes, std::uint64_t host_bytes);

/// For the test vehicle: small enough to run in seconds, and of no use.
[[nodiscard]] CalibrationPlan vehicle_plan();

/// The one for a real device.
[[nodiscard]] CalibrationPlan plan_for(const DeviceInfo& device);

}  // namespace prophet
