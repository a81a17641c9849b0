#include "bench/calibrate/calibration_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "runtime/device/cpu/host_memory.hpp"

namespace prophet {
namespace {

constexpr double gb_per_s = 1e9;
constexpr std::uint32_t gpu_hidden_size = 2048;
/// One row of gate, up and down.
constexpr std::uint64_t gpu_width_bytes = 3 * sizeof(float) * gpu_hidden_size;
/// Experts are that many rows wide: 8.25 to 24 MiB.
constexpr std::uint32_t fitted_widths[] = {352, 1024};
constexpr std::uint32_t held_out_widths[] = {512, 768};
constexpr std::uint64_t gpu_expert_bytes_max = 1024 * gpu_width_bytes;
constexpr std::uint64_t gpu_expert_bytes_min = 1ULL << 20;
/// Cache and staging slabs and the always-resident parts, in experts, with a tenth to spare.
constexpr std::uint64_t experts_on_device = 130;
constexpr std::uint64_t experts_on_host = 96;

std::vector<StepTimeConfig> cpu_fitted() {
  std::vector<StepTimeConfig> configs;
  for (const std::uint64_t kib : {4096U, 8192U}) {
    for (const double throttle : {0.0, 2.0 * gb_per_s}) {
      for (const std::uint32_t batch : {1U, 4U}) {
        for (const bool prefetch : {false, true}) {
          configs.push_back(
              {6, 16, 2, kib * 1024, batch, prefetch ? 64U : 32U, prefetch, kib * 1024 / 4, throttle});
        }
      }
    }
  }
  return configs;
}

std::vector<StepTimeConfig> cpu_held_out() {
  std::vector<StepTimeConfig> configs;
  for (const std::uint64_t kib : {5120U, 6656U}) {
    for (const double throttle : {0.0, 1.5 * gb_per_s}) {
      for (const std::uint32_t slabs : {20U, 48U, 80U}) {
        for (const std::uint32_t batch : {1U, 2U, 3U}) {
          if (throttle != 0 && batch == 2) continue;
          const bool prefetch = ((slabs / 4 + batch) % 2 == 0) == (throttle == 0);
          configs.push_back(
              {6, 16, 2, kib * 1024, batch, slabs, prefetch, kib * 1024 / (batch + 2), throttle});
        }
      }
    }
  }
  return configs;
}

/// `widths` rows of gate, up and down, scaled to what there is room for.
std::uint64_t gpu_bytes(std::uint32_t width, double scale) {
  return static_cast<std::uint64_t>(scale * width) / 4 * 4 * gpu_width_bytes;
}

std::vector<StepTimeConfig> gpu_fitted(double scale) {
  std::vector<StepTimeConfig> configs;
  for (const std::uint32_t width : fitted_widths) {
    const std::uint64_t bytes = gpu_bytes(width, scale);
    for (const std::uint32_t batch : {1U, 4U, 24U}) {
      for (const bool prefetch : {false, true})
        configs.push_back(
            {6, 16, 2, bytes, batch, prefetch ? 64U : 32U, prefetch, bytes / 4, 0, gpu_hidden_size});
      configs.push_back({6, 16, 2, bytes, batch, 96, false, bytes, 0, gpu_hidden_size});
    }
  }
  return configs;
}

std::vector<StepTimeConfig> gpu_held_out(double scale) {
  std::vector<StepTimeConfig> configs;
  for (const std::uint32_t width : held_out_widths) {
    const std::uint64_t bytes = gpu_bytes(width, scale);
    for (const std::uint32_t slabs : {20U, 48U, 80U, 96U}) {
      for (const std::uint32_t batch : {1U, 2U, 12U}) {
        const bool prefetch = slabs != 96 && (slabs / 4 + batch) % 2 == 0;
        configs.push_back(
            {6, 16, 2, bytes, batch, slabs, prefetch, bytes / (2 + batch % 4), 0, gpu_hidden_size});
      }
    }
  }
  return configs;
}

}  // namespace

CalibrationPlan cpu_plan() {
  return {cpu_fitted(), cpu_held_out(), 1};
}

CalibrationPlan gpu_plan(std::uint64_t device_bytes, std::uint64_t host_bytes) {
  const std::uint64_t largest = std::min(device_bytes / experts_on_device, host_bytes / experts_on_host);
  const double scale =
      std::min(1.0, static_cast<double>(largest) / static_cast<double>(gpu_expert_bytes_max));
  if (gpu_bytes(fitted_widths[0], scale) < gpu_expert_bytes_min) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("calibrate: {} bytes of device memory and {} of host memory are too few to "
                            "measure with, expected at least {} and {}",
                            device_bytes, host_bytes, 3 * experts_on_device * gpu_expert_bytes_min,
                            3 * experts_on_host * gpu_expert_bytes_min));
  }
  return {gpu_fitted(scale), gpu_held_out(scale), scale};
}

CalibrationPlan vehicle_plan() {
  CalibrationPlan plan;
  for (const bool prefetch : {false, true})
    plan.fitted.push_back({2, 4, 2, 4608, 1, 4, prefetch, 2304, 0, 0});
  plan.held_out.push_back({2, 4, 2, 6144, 2, 3, false, 1536, 0, 0});
  plan.held_out.push_back({2, 4, 2, 6144, 10, 6, true, 1536, 0, 0});
  return plan;
}

CalibrationPlan plan_for(const DeviceInfo& device) {
  if (!device.times_mean_something) return vehicle_plan();
  if (device.kind == "cpu") return cpu_plan();
  return gpu_plan(device.memory_bytes, host_available_bytes() / 2);
}

}  // namespace prophet
