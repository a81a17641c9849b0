#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <cstdint>
#include <utility>

#include "runtime/device/cuda/device_memory.hpp"
#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

/// What the streams of a device give to cuBLAS. 0 bytes: no operation comes to it, and it is never opened.
struct BlasOptions {
  std::uint64_t workspace_bytes = 0;
};

/// Owns a handle of cuBLAS that is bound to one stream, and the workspace in which its products run: cuBLAS
/// allocates nothing when it multiplies, and gives the same bits again whatever other streams do. Factors are
/// read on the host; fp32 is multiplied as fp32. Nothing is set after construction, because a change of the
/// stream would cost the handle its workspace. Move-only; a moved-from owner is empty.
///
/// Thread safety: none; belongs to the thread that calls the device.
class BlasHandle {
 public:
  BlasHandle() = default;
  /// Opens cuBLAS for the current GPU, which takes long and allocates. Throws Error as cuBLAS refuses:
  /// no_device where it cannot start, out_of_memory, else check_failed.
  BlasHandle(const BlasOptions& options, cudaStream_t stream, Status& status);
  BlasHandle(BlasHandle&& other) noexcept { swap(other); }
  BlasHandle& operator=(BlasHandle&& other) noexcept {
    swap(other);
    return *this;
  }
  /// REQUIRES: the stream's work is done.
  ~BlasHandle();

  /// Null: cuBLAS was not opened.
  [[nodiscard]] cublasHandle_t get() const noexcept { return handle_; }

 private:
  explicit BlasHandle(Status& status);
  void swap(BlasHandle& other) noexcept {
    std::swap(status_, other.status_);
    std::swap(handle_, other.handle_);
    std::swap(workspace_, other.workspace_);
  }

  Status* status_ = nullptr;
  cublasHandle_t handle_ = nullptr;
  DeviceMemory workspace_;
};

}  // namespace prophet::cuda
