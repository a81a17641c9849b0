// Virtual memory management of the CUDA driver.
#include <cuda.h>
#include <sys/mman.h>

#include "tests/cuda_on_cpu/control.hpp"
#include "tests/cuda_on_cpu/cudart/memory.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"
#include "tests/cuda_on_cpu/driver/driver_call.hpp"
#include "tests/cuda_on_cpu/driver/virtual_memory.hpp"

namespace prophet::cuda_on_cpu {
namespace {

bool names_device_memory(const CUmemAllocationProp* properties) {
  return properties != nullptr && properties->type == CU_MEM_ALLOCATION_TYPE_PINNED &&
         properties->location.type == CU_MEM_LOCATION_TYPE_DEVICE && properties->location.id >= 0 &&
         properties->location.id < machine().device_count;
}

/// The host protection that stands for the access; -1 for one that is none.
int protection_of(CUmemAccess_flags flags) {
  if (flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE) return PROT_READ | PROT_WRITE;
  if (flags == CU_MEM_ACCESS_FLAGS_PROT_READ) return PROT_READ;
  return flags == CU_MEM_ACCESS_FLAGS_PROT_NONE ? PROT_NONE : -1;
}

}  // namespace
}  // namespace prophet::cuda_on_cpu

using namespace prophet::cuda_on_cpu;

extern "C" {

CUresult cuMemGetAllocationGranularity(size_t* granularity, const CUmemAllocationProp* properties,
                                       CUmemAllocationGranularity_flags /*option*/) {
  return driver_call(__func__, [&] {
    if (granularity == nullptr || !names_device_memory(properties)) return cudaErrorInvalidValue;
    *granularity = granularity_bytes;
    return cudaSuccess;
  });
}

CUresult cuMemAddressReserve(CUdeviceptr* address, size_t bytes, size_t alignment, CUdeviceptr /*wish*/,
                             unsigned long long flags) {
  return driver_call(__func__, [&] {
    if (address == nullptr || flags != 0) return cudaErrorInvalidValue;
    std::uintptr_t reserved = 0;
    const cudaError_t result = VirtualMemory::instance().reserve(&reserved, bytes, alignment);
    if (result == cudaSuccess) *address = reserved;
    return result;
  });
}

CUresult cuMemAddressFree(CUdeviceptr address, size_t bytes) {
  return releasing_driver_call(__func__,
                               [&] { return VirtualMemory::instance().free_reservation(address, bytes); });
}

CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t bytes,
                     const CUmemAllocationProp* properties, unsigned long long flags) {
  return driver_call(__func__, [&] {
    if (handle == nullptr || flags != 0 || !names_device_memory(properties)) return cudaErrorInvalidValue;
    std::uint64_t made = 0;
    const cudaError_t result = VirtualMemory::instance().create(&made, bytes, properties->location.id);
    if (result == cudaSuccess) *handle = made;
    return result;
  });
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  return releasing_driver_call(__func__, [&] { return VirtualMemory::instance().release(handle); });
}

CUresult cuMemMap(CUdeviceptr address, size_t bytes, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags) {
  return driver_call(__func__, [&] {
    if (offset != 0 || flags != 0) return cudaErrorInvalidValue;
    return VirtualMemory::instance().map(address, bytes, handle);
  });
}

CUresult cuMemUnmap(CUdeviceptr address, size_t bytes) {
  return releasing_driver_call(__func__, [&] { return VirtualMemory::instance().unmap(address, bytes); });
}

CUresult cuMemSetAccess(CUdeviceptr address, size_t bytes, const CUmemAccessDesc* descriptions,
                        size_t count) {
  return driver_call(__func__, [&] {
    if (descriptions == nullptr || count == 0) return cudaErrorInvalidValue;
    int protection = PROT_NONE;
    for (std::size_t i = 0; i < count; ++i) {
      const int of_one = protection_of(descriptions[i].flags);
      if (of_one < 0 || descriptions[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE)
        return cudaErrorInvalidValue;
      protection |= of_one;
    }
    return VirtualMemory::instance().set_access(address, bytes, protection);
  });
}

CUresult cuMemGetInfo(size_t* free, size_t* total) {
  return driver_call(__func__, [&] {
    if (free == nullptr || total == nullptr) return cudaErrorInvalidValue;
    *total = machine().memory_bytes;
    *free = Memory::instance().free_bytes(current_device());
    return cudaSuccess;
  });
}

}  // extern "C"
