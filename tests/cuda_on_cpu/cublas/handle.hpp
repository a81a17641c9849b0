#pragma once

#include <cublas_v2.h>

#include <cstddef>
#include <memory>
#include <utility>

#include "tests/cuda_on_cpu/cudart/calls.hpp"
#include "tests/cuda_on_cpu/cudart/handle_table.hpp"

namespace prophet::cuda_on_cpu {

/// What a cuBLAS handle remembers.
struct CublasHandle {
  cudaStream_t stream = nullptr;
  cublasMath_t math = CUBLAS_DEFAULT_MATH;
  cublasPointerMode_t pointers = CUBLAS_POINTER_MODE_HOST;
  std::byte* workspace = nullptr;  ///< the caller's; null: cuBLAS takes memory of its own
  std::size_t workspace_bytes = 0;
};

[[nodiscard]] HandleTable<cublasHandle_t, CublasHandle>& cublas_handles();

/// An error of the runtime as cuBLAS tells it.
[[nodiscard]] cublasStatus_t to_status(cudaError_t error);

/// The one way into every cuBLAS call: the body takes the handle's object and returns a cublasStatus_t.
template <class Body>
cublasStatus_t cublas_call(const char* function, cublasHandle_t handle, Body&& body) {
  if (const cudaError_t refusal = begin_call(function); refusal != cudaSuccess) return to_status(refusal);
  const auto found = cublas_handles().find(handle);
  return found ? std::forward<Body>(body)(*found) : CUBLAS_STATUS_NOT_INITIALIZED;
}

}  // namespace prophet::cuda_on_cpu
