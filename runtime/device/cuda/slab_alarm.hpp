#pragma once

#include "kernels/cuda/checksum.hpp"
#include "runtime/device/cuda/device_memory.hpp"
#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

/// Where the device says that a slab does not hold what it should: a report in mapped memory, so that asking
/// costs the host one read and the device nothing.
class SlabAlarm {
 public:
  explicit SlabAlarm(Status& status);

  /// For kernels.
  [[nodiscard]] kernels::cuda::VerifyReport* report() const noexcept;
  /// Throws Error{check_failed} for a report that has come, and forgets it. Called when the host has waited
  /// for the device.
  void throw_if_rung();

 private:
  MappedMemory memory_;
};

}  // namespace prophet::cuda
