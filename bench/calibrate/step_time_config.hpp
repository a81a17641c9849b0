#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/device/device.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet {

/// One way to keep experts, whose step time is measured on a real device and predicted by the sim.
struct StepTimeConfig {
  std::uint32_t layers = 6;
  std::uint32_t experts = 16;
  std::uint32_t top_k = 2;
  std::uint64_t expert_bytes = 0;
  std::uint32_t batch = 1;
  std::uint32_t slabs = 0;        ///< as many as experts: all are resident from the first step on
  bool prefetch = false;          ///< with the oracle, one layer ahead, so that copies overlap compute
  std::uint64_t chunk_bytes = 0;  ///< of prefetches
  double link_bytes_per_s = 0;    ///< throttle, of the cpu device only; 0: none
  std::uint32_t hidden_size = 0;  ///< 0: small, as the cpu device computes it
  [[nodiscard]] std::string describe() const;
};

/// Step times in ns: the mean of the middle four fifths of `steps` steps, after as many to warm up as a
/// quarter of them.

/// Of a real device ("cpu", "cuda:N"), for each config, in the order given. Configs of one size and throttle
/// that follow each other share a device and the host store on it, which take longer to make than a config to
/// measure.
[[nodiscard]] std::vector<std::uint64_t> measure_steps(const std::string& device_name,
                                                       std::span<const StepTimeConfig> configs,
                                                       std::uint32_t steps);
/// Of a sim of `profile`.
[[nodiscard]] std::uint64_t predict_on_sim(const StepTimeConfig& config, const GpuProfile& profile,
                                           std::uint32_t steps);

}  // namespace prophet
