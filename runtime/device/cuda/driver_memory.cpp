#include "runtime/device/cuda/driver_memory.hpp"

#include <fmt/format.h>

namespace prophet::cuda {
namespace {

constexpr const char* where = "virtual arena";
/// All of them are as CUDA 12.0 has them.
constexpr unsigned driver_version = 12000;

template <class Function>
void find(const char* name, Function& function, Status& status) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult answer = cudaDriverEntryPointSymbolNotFound;
  status.check(cudaGetDriverEntryPointByVersion(name, &found, driver_version, cudaEnableDefault, &answer),
               "cudaGetDriverEntryPointByVersion", where);
  if (found == nullptr || answer != cudaDriverEntryPointSuccess) {
    throw Error(ErrorCode::no_device,
                fmt::format("{}: the CUDA driver has no {}, expected one of CUDA 12 or newer", where, name));
  }
  function = reinterpret_cast<Function>(found);
}

}  // namespace

DriverMemory::DriverMemory(Status& status) {
  find("cuMemGetAllocationGranularity", get_granularity, status);
  find("cuMemAddressReserve", address_reserve, status);
  find("cuMemAddressFree", address_free, status);
  find("cuMemCreate", create, status);
  find("cuMemRelease", release, status);
  find("cuMemMap", map, status);
  find("cuMemUnmap", unmap, status);
  find("cuMemSetAccess", set_access, status);
}

CUmemAllocationProp memory_of(int ordinal) noexcept {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.location.id = ordinal;
  return properties;
}

AddressRange::AddressRange(const DriverMemory& driver, std::uint64_t size_bytes, Status& status)
    : driver_(driver), status_(status), size_bytes_(size_bytes) {
  status.check(as_runtime(driver.address_reserve(&begin_, size_bytes, 0, 0, 0)), "cuMemAddressReserve",
               where);
}

AddressRange::~AddressRange() {
  if (status_.lost()) return;
  status_.note(as_runtime(driver_.address_free(begin_, size_bytes_)), "cuMemAddressFree", where);
}

MemoryBlocks::MemoryBlocks(const DriverMemory& driver, int ordinal, std::uint64_t block_bytes,
                           std::uint32_t count, Status& status)
    : driver_(driver), status_(status) {
  const CUmemAllocationProp properties = memory_of(ordinal);
  handles_.reserve(count);
  try {
    while (handles_.size() < count) {
      CUmemGenericAllocationHandle handle = 0;
      status.check(as_runtime(driver.create(&handle, block_bytes, &properties, 0)), "cuMemCreate", where);
      handles_.push_back(handle);
    }
  } catch (...) {
    release_all();
    throw;
  }
}

void MemoryBlocks::release_all() noexcept {
  if (status_.lost()) return;
  for (const CUmemGenericAllocationHandle handle : handles_) {
    status_.note(as_runtime(driver_.release(handle)), "cuMemRelease", where);
  }
}

}  // namespace prophet::cuda
