#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "runtime/device/cuda/device_memory.hpp"
#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

/// On the device: which slab each expert of the model lies in, at an address that never changes, so that a
/// captured graph reads what is true when it runs.
///
/// Stream order is the caller's: an expert is placed on the stream that reads the table, behind a wait for
/// the copy into its slab; it is removed there before the event is recorded that a copy over its slab waits
/// for. Then no kernel of the stream ever finds a slab that is not whole. Thread safety: none; belongs to the
/// thread that calls the device.
class ExpertTable {
 public:
  /// `experts` of the whole model, none of which has a slab. Waits for the device once.
  ExpertTable(std::uint32_t experts, std::uint32_t slabs, Status& status);

  /// The expert is in `slab` for everything submitted to the stream from now on. REQUIRES: both exist.
  void place(std::uint32_t expert, std::uint32_t slab, cudaStream_t stream);
  void remove(std::uint32_t expert, cudaStream_t stream);

  /// [experts]: a slab, or kernels::no_slab.
  [[nodiscard]] const std::uint32_t* entries() const noexcept { return entries_at(0); }

 private:
  [[nodiscard]] std::uint32_t* entries_at(std::uint32_t expert) const noexcept {
    return reinterpret_cast<std::uint32_t*>(entries_.data()) + expert;
  }
  void set(std::uint32_t expert, std::uint32_t value_at, cudaStream_t stream);

  Status& status_;
  std::uint32_t slabs_;
  DeviceMemory entries_;
  // [slabs + 1]: each slab's number, then no_slab. Entries are copied from here, and since it never changes a
  // copy that has not run yet cannot find the wrong one.
  MappedMemory values_;
};

}  // namespace prophet::cuda
