#pragma once

#include <cuda.h>

#include <cstdint>
#include <vector>

#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

/// The driver's functions for virtual memory, as the runtime hands them out, so that nothing links the
/// driver.
struct DriverMemory {
  decltype(&cuMemGetAllocationGranularity) get_granularity = nullptr;
  decltype(&cuMemAddressReserve) address_reserve = nullptr;
  decltype(&cuMemAddressFree) address_free = nullptr;
  decltype(&cuMemCreate) create = nullptr;
  decltype(&cuMemRelease) release = nullptr;
  decltype(&cuMemMap) map = nullptr;
  decltype(&cuMemUnmap) unmap = nullptr;
  decltype(&cuMemSetAccess) set_access = nullptr;

  /// Throws Error{no_device} when the driver has not one of them.
  explicit DriverMemory(Status& status);
};

/// The driver and the runtime number their errors alike.
[[nodiscard]] constexpr cudaError_t as_runtime(CUresult result) noexcept {
  return static_cast<cudaError_t>(result);
}

/// Memory of GPU `ordinal` that has no address of its own.
[[nodiscard]] CUmemAllocationProp memory_of(int ordinal) noexcept;

/// Addresses without memory. Not movable: mappings know where they are.
class AddressRange {
 public:
  AddressRange(const DriverMemory& driver, std::uint64_t size_bytes, Status& status);
  AddressRange(const AddressRange&) = delete;
  AddressRange& operator=(const AddressRange&) = delete;
  /// REQUIRES: nothing is mapped in it.
  ~AddressRange();
  [[nodiscard]] CUdeviceptr begin() const noexcept { return begin_; }

 private:
  const DriverMemory& driver_;
  Status& status_;
  std::uint64_t size_bytes_;
  CUdeviceptr begin_ = 0;
};

/// `count` pieces of memory of `block_bytes` each, without addresses.
class MemoryBlocks {
 public:
  MemoryBlocks(const DriverMemory& driver, int ordinal, std::uint64_t block_bytes, std::uint32_t count,
               Status& status);
  MemoryBlocks(const MemoryBlocks&) = delete;
  MemoryBlocks& operator=(const MemoryBlocks&) = delete;
  ~MemoryBlocks() { release_all(); }
  [[nodiscard]] CUmemGenericAllocationHandle operator[](std::uint32_t block) const { return handles_[block]; }

 private:
  void release_all() noexcept;

  const DriverMemory& driver_;
  Status& status_;
  std::vector<CUmemGenericAllocationHandle> handles_;
};

}  // namespace prophet::cuda
