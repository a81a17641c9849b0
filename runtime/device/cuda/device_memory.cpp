#include "runtime/device/cuda/device_memory.hpp"

#include <cstring>

#include "runtime/base/checked.hpp"

namespace prophet::cuda {
namespace {

constexpr std::uint64_t scratch_unit_bytes = 256ULL << 10;

}  // namespace

DeviceMemory::DeviceMemory(std::uint64_t size_bytes, Status& status, const char* where)
    : status_(&status), size_bytes_(size_bytes) {
  void* memory = nullptr;
  status.check(cudaMalloc(&memory, size_bytes), "cudaMalloc", where);
  data_ = static_cast<std::byte*>(memory);
}

DeviceMemory::~DeviceMemory() {
  if (data_ == nullptr || status_->lost()) return;
  status_->note(cudaFree(data_), "cudaFree", "free");
}

MappedMemory::MappedMemory(std::uint64_t size_bytes, Status& status, const char* where) : status_(&status) {
  void* memory = nullptr;
  status.check(cudaHostAlloc(&memory, size_bytes, cudaHostAllocMapped | cudaHostAllocPortable),
               "cudaHostAlloc", where);
  void* seen = nullptr;
  const cudaError_t result = cudaHostGetDevicePointer(&seen, memory, 0);
  if (result != cudaSuccess) {
    status.note(cudaFreeHost(memory), "cudaFreeHost", where);
    status.check(result, "cudaHostGetDevicePointer", where);
  }
  data_ = static_cast<std::byte*>(memory);
  device_data_ = static_cast<std::byte*>(seen);
  std::memset(memory, 0, size_bytes);
}

MappedMemory::~MappedMemory() {
  if (data_ == nullptr || status_->lost()) return;
  status_->note(cudaFreeHost(data_), "cudaFreeHost", "free");
}

void* Scratch::room(std::uint64_t size_bytes) {
  if (size_bytes <= memory_.size_bytes()) return memory_.data();
  status_.check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize", "workspace of an operation");
  memory_ = DeviceMemory();
  memory_ = DeviceMemory(checked_round_up(size_bytes, scratch_unit_bytes, "workspace of an operation"),
                         status_, "workspace of an operation");
  return memory_.data();
}

}  // namespace prophet::cuda
