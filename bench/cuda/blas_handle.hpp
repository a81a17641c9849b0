#pragma once

#include <cublas_v2.h>

#include "runtime/device/cuda/status.hpp"

namespace prophet::measure {

/// Owns a handle of cuBLAS.
class BlasHandle {
 public:
  /// Throws Error{out_of_memory} or Error{check_failed}.
  explicit BlasHandle(cuda::Status& status);
  BlasHandle(const BlasHandle&) = delete;
  BlasHandle& operator=(const BlasHandle&) = delete;
  ~BlasHandle();
  [[nodiscard]] cublasHandle_t get() const noexcept { return handle_; }

 private:
  cuda::Status& status_;
  cublasHandle_t handle_ = nullptr;
};

}  // namespace prophet::measure
