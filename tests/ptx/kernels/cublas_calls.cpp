#include <cublas_v2.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tests/ptx/floats.hpp"
#include "tests/ptx/kernels/device.hpp"

/// The calls of cuBLAS that launchers make, as plain sums in fp32: cuBLAS is no PTX of ours, and what is
/// checked are the kernels around it. What is written counts as written by a kernel.
namespace {

using prophet::ptx::Device;
using prophet::ptx::Format;

struct Matrices {
  int m = 0, n = 0, k = 0;
  const void* a = nullptr;
  const void* b = nullptr;
  void* c = nullptr;
  int a_stride = 0, b_stride = 0, c_stride = 0;
};

const Format* format_of(cudaDataType_t type) {
  if (type == CUDA_R_16BF) return &prophet::ptx::bf16_format;
  if (type == CUDA_R_32F) return &prophet::ptx::f32_format;
  return type == CUDA_R_16F ? &prophet::ptx::f16_format : nullptr;
}

double element(const Format& format, const void* matrix, std::size_t i) {
  std::uint64_t bits = 0;
  const std::size_t bytes = format.bits() / 8;
  std::memcpy(&bits, static_cast<const std::byte*>(matrix) + i * bytes, bytes);
  return prophet::ptx::decode(format, bits);
}

/// c = a^T b, matrices of columns.
void multiply(const Format& format, const Matrices& x) {
  for (int column = 0; column < x.n; ++column) {
    for (int row = 0; row < x.m; ++row) {
      float sum = 0;
      for (int i = 0; i < x.k; ++i) {
        const auto a = static_cast<std::size_t>(row) * static_cast<std::size_t>(x.a_stride) +
                       static_cast<std::size_t>(i);
        const auto b = static_cast<std::size_t>(column) * static_cast<std::size_t>(x.b_stride) +
                       static_cast<std::size_t>(i);
        sum += static_cast<float>(element(format, x.a, a) * element(format, x.b, b));
      }
      const std::uint64_t bits = prophet::ptx::encode(format, static_cast<double>(sum));
      const std::size_t bytes = format.bits() / 8;
      const auto c = static_cast<std::size_t>(column) * static_cast<std::size_t>(x.c_stride) +
                     static_cast<std::size_t>(row);
      std::byte* to = static_cast<std::byte*>(x.c) + c * bytes;
      std::memcpy(to, &bits, bytes);
      Device::instance().memory().mark_initialised(to, bytes);
    }
  }
}

bool is_plain(const void* alpha, const void* beta) {
  float one = 0, zero = 0;
  std::memcpy(&one, alpha, sizeof one);
  std::memcpy(&zero, beta, sizeof zero);
  return one == 1.0F && zero == 0.0F;
}

}  // namespace

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  static int any = 0;
  *handle = reinterpret_cast<cublasHandle_t>(&any);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t) {
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t, cudaStream_t) {
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGetStream_v2(cublasHandle_t, cudaStream_t* stream) {
  *stream = nullptr;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmEx(cublasHandle_t, cublasOperation_t a_operation, cublasOperation_t b_operation,
                            int m, int n, int k, const void* alpha, const void* a, cudaDataType_t type,
                            int a_stride, const void* b, cudaDataType_t, int b_stride, const void* beta,
                            void* c, cudaDataType_t, int c_stride, cublasComputeType_t, cublasGemmAlgo_t) {
  const Format* format = format_of(type);
  if (a_operation != CUBLAS_OP_T || b_operation != CUBLAS_OP_N || format == nullptr ||
      !is_plain(alpha, beta)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  multiply(*format, {m, n, k, a, b, c, a_stride, b_stride, c_stride});
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmGroupedBatchedEx(cublasHandle_t handle, const cublasOperation_t a_operations[],
                                          const cublasOperation_t b_operations[], const int m[],
                                          const int n[], const int k[], const void* alphas,
                                          const void* const a[], cudaDataType_t type, const int a_strides[],
                                          const void* const b[], cudaDataType_t, const int b_strides[],
                                          const void* betas, void* const c[], cudaDataType_t,
                                          const int c_strides[], int groups, const int group_sizes[],
                                          cublasComputeType_t compute) {
  int problem = 0;
  for (int group = 0; group < groups; ++group) {
    for (int i = 0; i < group_sizes[group]; ++i, ++problem) {
      const cublasStatus_t status =
          cublasGemmEx(handle, a_operations[group], b_operations[group], m[group], n[group], k[group],
                       static_cast<const float*>(alphas) + group, a[problem], type, a_strides[group],
                       b[problem], type, b_strides[group], static_cast<const float*>(betas) + group,
                       c[problem], type, c_strides[group], compute, CUBLAS_GEMM_DEFAULT);
      if (status != CUBLAS_STATUS_SUCCESS) return status;
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"
