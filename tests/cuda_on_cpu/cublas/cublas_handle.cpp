// Handles and status words of cuBLAS.
#include <cblas.h>

#include "tests/cuda_on_cpu/cublas/handle.hpp"
#include "tests/cuda_on_cpu/cudart/memory.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"

namespace prophet::cuda_on_cpu {

HandleTable<cublasHandle_t, CublasHandle>& cublas_handles() {
  static auto& table = *new HandleTable<cublasHandle_t, CublasHandle>(0x5A000000);
  return table;
}

cublasStatus_t to_status(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return CUBLAS_STATUS_SUCCESS;
    case cudaErrorMemoryAllocation:
      return CUBLAS_STATUS_ALLOC_FAILED;
    case cudaErrorInvalidValue:
      return CUBLAS_STATUS_INVALID_VALUE;
    case cudaErrorNotSupported:
      return CUBLAS_STATUS_NOT_SUPPORTED;
    case cudaErrorNoDevice:
      return CUBLAS_STATUS_NOT_INITIALIZED;
    default:
      return CUBLAS_STATUS_EXECUTION_FAILED;
  }
}

}  // namespace prophet::cuda_on_cpu

using namespace prophet::cuda_on_cpu;

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  if (const cudaError_t refusal = begin_call("cublasCreate"); refusal != cudaSuccess)
    return to_status(refusal);
  if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  // A product is one operation of a stream: it must not start threads of its own.
  openblas_set_num_threads(1);
  *handle = cublas_handles().add(std::make_shared<CublasHandle>());
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  const cudaError_t refusal = begin_call("cublasDestroy");
  if (!cublas_handles().remove(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  return to_status(refusal);
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  return cublas_call("cublasSetStream", handle, [&](CublasHandle& state) {
    if (!find_stream(stream)) return CUBLAS_STATUS_INVALID_VALUE;
    state.stream = stream;
    state.workspace = nullptr;  // as cuBLAS documents it
    return CUBLAS_STATUS_SUCCESS;
  });
}

cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, cudaStream_t* stream) {
  return cublas_call("cublasGetStream", handle, [&](const CublasHandle& state) {
    if (stream == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    *stream = state.stream;
    return CUBLAS_STATUS_SUCCESS;
  });
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  return cublas_call(__func__, handle, [&](CublasHandle& state) {
    state.math = mode;
    return CUBLAS_STATUS_SUCCESS;
  });
}

cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t* mode) {
  return cublas_call(__func__, handle, [&](const CublasHandle& state) {
    if (mode == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    *mode = state.math;
    return CUBLAS_STATUS_SUCCESS;
  });
}

cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode) {
  return cublas_call("cublasSetPointerMode", handle, [&](CublasHandle& state) {
    // Factors in device memory would have to be read in stream order; nobody needs them here.
    if (mode != CUBLAS_POINTER_MODE_HOST) return CUBLAS_STATUS_NOT_SUPPORTED;
    state.pointers = mode;
    return CUBLAS_STATUS_SUCCESS;
  });
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, size_t bytes) {
  return cublas_call("cublasSetWorkspace", handle, [&](CublasHandle& state) {
    constexpr std::uintptr_t alignment = 256;
    if (reinterpret_cast<std::uintptr_t>(workspace) % alignment != 0) return CUBLAS_STATUS_INVALID_VALUE;
    const MemoryRange range = Memory::instance().look_up(workspace, bytes);
    const bool usable = bytes == 0 || (range.whole && range.kind == MemoryKind::device);
    if (!usable) return CUBLAS_STATUS_INVALID_VALUE;
    state.workspace = bytes == 0 ? nullptr : static_cast<std::byte*>(workspace);
    state.workspace_bytes = bytes;
    return CUBLAS_STATUS_SUCCESS;
  });
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t handle, int* version) {
  return cublas_call("cublasGetVersion", handle, [&](const CublasHandle&) {
    if (version == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    *version = CUBLAS_VERSION;
    return CUBLAS_STATUS_SUCCESS;
  });
}

const char* cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_MAPPING_ERROR:
      return "CUBLAS_STATUS_MAPPING_ERROR";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    case CUBLAS_STATUS_LICENSE_ERROR:
      return "CUBLAS_STATUS_LICENSE_ERROR";
  }
  return "CUBLAS_STATUS_UNKNOWN";
}

const char* cublasGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "the operation completed successfully";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "the library was not initialized";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "resource allocation failed";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "an unsupported value or parameter was passed to the function";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "the function failed to launch on the GPU";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "the functionality requested is not supported";
    default:
      return cublasGetStatusName(status);
  }
}

}  // extern "C"
