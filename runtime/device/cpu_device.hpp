#pragma once

#include <cstdint>
#include <memory>

#include "runtime/device/device.hpp"

namespace prophet {

struct CpuOptions {
  std::uint64_t memory_bytes = 0;  ///< capacity of "device" memory; 0: what the host has available
  double link_bytes_per_s =
      0;  ///< pace of copies between host and device memory; 0: as fast as memory copies
  /// Threads that compute an expert of a host_compute stream together; 0: as many as this process may use
  /// cores, at most limits::host_threads_max. The results do not depend on it.
  std::uint32_t host_cores = 0;
};

/// Real bytes, real threads, wall clock: each stream is a worker thread that runs its operations in order.
/// One copy at a time holds the link, demand before prefetch, as on a GPU with one copy engine a direction.
[[nodiscard]] std::unique_ptr<Device> make_cpu_device(const CpuOptions& options);

}  // namespace prophet
