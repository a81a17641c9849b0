// Memory calls of the CUDA runtime.
#include <cuda_runtime_api.h>

#include <cstring>

#include "tests/cuda_on_cpu/control.hpp"
#include "tests/cuda_on_cpu/cudart/calls.hpp"
#include "tests/cuda_on_cpu/cudart/memory.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"

namespace prophet::cuda_on_cpu {
namespace {

/// Before memory goes, all work of its device ends.
void synchronise_device(int device) {
  for (const StreamPtr& stream : streams_of(device)) synchronise(*stream);
}

/// The device of memory that cudaMalloc gave; the current one for other addresses, which the caller refuses.
int device_of(const void* address) {
  const MemoryRange range = Memory::instance().look_up(address, 1);
  return range.kind == MemoryKind::device ? range.device : current_device();
}

bool is_host(MemoryKind kind) {
  return kind == MemoryKind::pinned || kind == MemoryKind::registered;
}

cudaMemoryType type_of(MemoryKind kind) {
  if (kind == MemoryKind::device) return cudaMemoryTypeDevice;
  return is_host(kind) ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered;
}

cudaError_t allocate_pinned(void** address, std::size_t bytes) {
  if (const cudaError_t refusal = refuse_while_capturing(); refusal != cudaSuccess) return refusal;
  return Memory::instance().allocate_pinned(address, bytes);
}

}  // namespace
}  // namespace prophet::cuda_on_cpu

using namespace prophet::cuda_on_cpu;

extern "C" {

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return call(__func__, [&] {
    if (free == nullptr || total == nullptr) return cudaErrorInvalidValue;
    *total = machine().memory_bytes;
    *free = Memory::instance().free_bytes(current_device());
    return cudaSuccess;
  });
}

cudaError_t cudaMalloc(void** address, size_t bytes) {
  return call(__func__, [&] {
    if (const cudaError_t refusal = refuse_while_capturing(); refusal != cudaSuccess) return refusal;
    return Memory::instance().allocate_device(address, bytes, current_device());
  });
}

cudaError_t cudaFree(void* address) {
  return releasing_call(__func__, [&] {
    if (address == nullptr) return cudaSuccess;
    if (const cudaError_t refusal = refuse_while_capturing(); refusal != cudaSuccess) return refusal;
    synchronise_device(device_of(address));
    const cudaError_t freed = Memory::instance().free_device(address);
    return freed != cudaSuccess ? freed : take_late_error();
  });
}

cudaError_t cudaMallocHost(void** address, size_t bytes) {
  return call(__func__, [&] { return allocate_pinned(address, bytes); });
}

cudaError_t cudaHostAlloc(void** address, size_t bytes, unsigned flags) {
  return call(__func__, [&] {
    constexpr unsigned known = cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined;
    return (flags & ~known) != 0 ? cudaErrorInvalidValue : allocate_pinned(address, bytes);
  });
}

cudaError_t cudaFreeHost(void* address) {
  return releasing_call(__func__, [&] {
    if (address == nullptr) return cudaSuccess;
    if (const cudaError_t refusal = refuse_while_capturing(); refusal != cudaSuccess) return refusal;
    synchronise_device(current_device());
    return Memory::instance().free_pinned(address);
  });
}

cudaError_t cudaHostRegister(void* address, size_t bytes, unsigned flags) {
  return call(__func__, [&] {
    constexpr unsigned known = cudaHostRegisterPortable | cudaHostRegisterMapped | cudaHostRegisterReadOnly;
    if ((flags & ~known) != 0) return cudaErrorInvalidValue;
    return Memory::instance().register_host(address, bytes);
  });
}

cudaError_t cudaHostUnregister(void* address) {
  return releasing_call(__func__, [&] { return Memory::instance().unregister_host(address); });
}

cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned flags) {
  return call(__func__, [&] {
    if (device == nullptr || flags != 0) return cudaErrorInvalidValue;
    if (!is_host(Memory::instance().look_up(host, 1).kind)) return cudaErrorInvalidValue;
    *device = host;
    return cudaSuccess;
  });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* address) {
  return call(__func__, [&] {
    if (attributes == nullptr) return cudaErrorInvalidValue;
    const MemoryRange range = Memory::instance().look_up(address, 1);
    *attributes = {};
    attributes->type = type_of(range.kind);
    attributes->device = range.kind == MemoryKind::device ? range.device : current_device();
    void* const same = const_cast<void*>(address);
    if (range.kind == MemoryKind::device || is_host(range.kind)) attributes->devicePointer = same;
    if (range.kind != MemoryKind::device) attributes->hostPointer = same;
    return cudaSuccess;
  });
}

}  // extern "C"
