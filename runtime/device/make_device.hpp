#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "runtime/device/device.hpp"

namespace prophet {

struct DeviceOptions {
  std::uint64_t memory_bytes = 0;  ///< cap on device memory; 0: what the device has
  bool ignore_capacity = false;    ///< sim: give the device whatever memory is asked for
  double link_bytes_per_s = 0;     ///< cpu: throttle of host-to-device copies; 0: none
  double host_bytes_per_s = 0;     ///< sim: what the host's cores read; 0: as the profile states
  /// That compute the experts of host_compute streams. sim: with their share of the profile's flops; 0: all
  /// of the profile. cpu, cuda: threads, see CpuOptions.
  std::uint32_t host_cores = 0;
  double jitter_fraction = 0;  ///< sim: each duration is drawn from [1, 1 + jitter_fraction] times itself
  std::uint64_t seed = 0;      ///< sim: of the jitter
  std::uint32_t experts = 0;   ///< cuda: of a layer, to name them to profilers; 0: not known
  bool batch_copies = true;    ///< cuda: see CudaOptions
  std::optional<std::uint32_t> crossover_rows;  ///< cuda: see CudaOptions
  bool check_happens_before = true;             ///< sim: an unordered reuse of a unit is Error{check_failed}
};

/// "cpu", "sim:PROFILE" (a shipped profile's name or a profile file), "cuda[:N]".
/// Throws Error{no_device} with a sentence that lists what there is, Error{usage} for options out of range.
[[nodiscard]] std::unique_ptr<Device> make_device(std::string_view name, const DeviceOptions& options);

/// The number behind "cuda:"; none when `name` is no cuda device at all.
[[nodiscard]] std::optional<int> cuda_ordinal(std::string_view name);

}  // namespace prophet
