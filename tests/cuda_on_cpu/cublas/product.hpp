#pragma once

#include <cublas_v2.h>
#include <driver_types.h>

namespace prophet::cuda_on_cpu {

/// How one matrix lies in memory: column-major, as in BLAS, `leading` values from one column to the next.
struct Matrix {
  cudaDataType type = CUDA_R_32F;
  int rows = 0;
  int columns = 0;
  int leading = 0;
};

/// C [m, n] = alpha op(A) [m, k] op(B) [k, n] + beta C, with products summed in fp32.
struct ProductShape {
  bool transpose_left = false;
  bool transpose_right = false;
  int m = 0;
  int n = 0;
  int k = 0;
  float alpha = 1;
  float beta = 0;
  Matrix left;
  Matrix right;
  Matrix result;
};

/// Of the types and sizes that cuBLAS itself takes; see its table for cublasGemmEx.
[[nodiscard]] cublasStatus_t make_shape(ProductShape& shape, cublasOperation_t left, cublasOperation_t right,
                                        int m, int n, int k);
[[nodiscard]] cublasStatus_t check_shape(const ProductShape& shape);

/// Computes on the calling thread. cudaErrorIllegalAddress, with a word on stderr, where an operand is not
/// whole in memory that a device may reach.
cudaError_t compute(const ProductShape& shape, const void* left, const void* right, void* result);

[[nodiscard]] std::size_t bytes_of(cudaDataType type);

}  // namespace prophet::cuda_on_cpu
