#include "runtime/device/cuda/blas_handle.hpp"

#include <fmt/format.h>

#include <string>

#include "kernels/cuda/expert_products.hpp"

namespace prophet::cuda {
namespace {

/// Before there is a handle, "not initialised" is a GPU or a driver that cuBLAS cannot use.
cudaError_t meaning_of_opening(cublasStatus_t result) noexcept {
  if (result == CUBLAS_STATUS_NOT_INITIALIZED) return cudaErrorInitializationError;
  if (result == CUBLAS_STATUS_ARCH_MISMATCH) return cudaErrorNoKernelImageForDevice;
  return kernels::cuda::cuda_error_of(result);
}

std::string named(const char* call, cublasStatus_t result) {
  return fmt::format("{} ({})", call, cublasGetStatusName(result));
}

void check(cublasStatus_t result, const char* call, Status& status) {
  if (result == CUBLAS_STATUS_SUCCESS) return;
  status.check(kernels::cuda::cuda_error_of(result), named(call, result).c_str(), "create_stream");
}

}  // namespace

BlasHandle::BlasHandle(Status& status) : status_(&status) {
  const cublasStatus_t result = cublasCreate(&handle_);
  if (result == CUBLAS_STATUS_SUCCESS) return;
  handle_ = nullptr;
  status.check(meaning_of_opening(result), named("cublasCreate", result).c_str(), "create_stream");
}

BlasHandle::BlasHandle(const BlasOptions& options, cudaStream_t stream, Status& status) : BlasHandle(status) {
  workspace_ = DeviceMemory(options.workspace_bytes, status, "workspace of cuBLAS");
  check(cublasSetPointerMode(handle_, CUBLAS_POINTER_MODE_HOST), "cublasSetPointerMode", status);
  // Neither TF32 nor fp32 put together from narrower products, whatever the environment asks for.
  check(cublasSetMathMode(handle_, CUBLAS_PEDANTIC_MATH), "cublasSetMathMode", status);
  check(cublasSetStream(handle_, stream), "cublasSetStream", status);
  // Behind the stream: setting that takes the workspace away.
  check(cublasSetWorkspace(handle_, workspace_.data(), workspace_.size_bytes()), "cublasSetWorkspace",
        status);
}

BlasHandle::~BlasHandle() {
  if (handle_ == nullptr || status_->lost()) return;
  const cublasStatus_t result = cublasDestroy(handle_);
  if (result != CUBLAS_STATUS_SUCCESS)
    status_->note(kernels::cuda::cuda_error_of(result), "cublasDestroy", "destroy_stream");
}

}  // namespace prophet::cuda
