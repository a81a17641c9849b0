#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

/// Owns device memory, aligned to 256 bytes. Move-only; a moved-from owner is empty.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  /// `size_bytes` is not 0. Throws Error{out_of_memory}.
  DeviceMemory(std::uint64_t size_bytes, Status& status, const char* where);
  DeviceMemory(DeviceMemory&& other) noexcept { swap(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  /// REQUIRES: no submitted operation uses it any more.
  ~DeviceMemory();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }

 private:
  void swap(DeviceMemory& other) noexcept {
    std::swap(status_, other.status_);
    std::swap(data_, other.data_);
    std::swap(size_bytes_, other.size_bytes_);
  }

  Status* status_ = nullptr;
  std::byte* data_ = nullptr;
  std::uint64_t size_bytes_ = 0;
};

/// Owns a little pinned host memory that the device also sees, zeroed: rings and reports. Move-only.
class MappedMemory {
 public:
  MappedMemory() = default;
  MappedMemory(std::uint64_t size_bytes, Status& status, const char* where);
  MappedMemory(MappedMemory&& other) noexcept { swap(other); }
  MappedMemory& operator=(MappedMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  ~MappedMemory();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::byte* device_data() const noexcept { return device_data_; }

 private:
  void swap(MappedMemory& other) noexcept {
    std::swap(status_, other.status_);
    std::swap(data_, other.data_);
    std::swap(device_data_, other.device_data_);
  }

  Status* status_ = nullptr;
  std::byte* data_ = nullptr;
  std::byte* device_data_ = nullptr;
};

/// Workspace of one stream's kernels: operations of a stream run one after the other and share it. Grows to
/// the largest operation seen; keeps no contents.
class Scratch {
 public:
  Scratch(Status& status, cudaStream_t stream) : status_(status), stream_(stream) {}

  /// Room for `size_bytes`. Growing waits for the stream, which happens in the first steps only.
  [[nodiscard]] void* room(std::uint64_t size_bytes);

 private:
  Status& status_;
  cudaStream_t stream_;
  DeviceMemory memory_;
};

}  // namespace prophet::cuda
