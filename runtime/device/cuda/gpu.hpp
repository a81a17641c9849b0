#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/device/cuda/gpu_rates.hpp"
#include "runtime/device/cuda/status.hpp"
#include "runtime/device/device.hpp"

namespace prophet::cuda {

/// Priorities of streams, as CUDA counts them: lower numbers go first.
struct StreamPriorities {
  int compute = 0;
  int demand_copy = 0;
  int prefetch_copy = 0;

  [[nodiscard]] int of(StreamRole role) const noexcept;
};

/// Spreads the three roles over what the device distinguishes: demand copies before compute before
/// prefetches. `greatest` is the lower number.
[[nodiscard]] StreamPriorities spread_priorities(int least, int greatest) noexcept;

/// One GPU as it was found.
struct Gpu {
  int ordinal = 0;
  std::string name;
  std::uint64_t free_bytes = 0;
  std::uint64_t total_bytes = 0;
  StreamPriorities priorities;
  GpuFigures figures;
  std::optional<int> numa_node;  ///< of the host memory nearest to it; none: unknown, or there is only one
};

/// Makes GPU `ordinal` current on this thread and asks what there is to know. Throws Error{no_device} with
/// one sentence when there is no driver, no GPU or not so many, or the GPU does not start;
/// Error{out_of_memory} when not even a context has room.
[[nodiscard]] Gpu open_gpu(int ordinal);

/// Makes GPU `ordinal` current on the calling thread; costs a comparison when it is.
void make_current(int ordinal, Status& status);

/// The NUMA node of a PCI device as Linux tells it under `sysfs` ("/sys"). None when it does not say or says
/// -1.
[[nodiscard]] std::optional<int> numa_node_of(std::string_view pci_bus_id, const std::string& sysfs);

}  // namespace prophet::cuda
