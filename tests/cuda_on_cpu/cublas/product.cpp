#include "tests/cuda_on_cpu/cublas/product.hpp"

#include <cblas.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "tests/cuda_on_cpu/cudart/memory.hpp"

namespace prophet::cuda_on_cpu {
namespace {

bool is_16_bits(cudaDataType type) {
  return type == CUDA_R_16F || type == CUDA_R_16BF;
}

bool types_are_known(const ProductShape& shape) {
  const cudaDataType inputs = shape.left.type;
  if (shape.right.type != inputs) return false;
  if (inputs == CUDA_R_32F) return shape.result.type == CUDA_R_32F;
  return is_16_bits(inputs) && (shape.result.type == inputs || shape.result.type == CUDA_R_32F);
}

bool lies_well(const Matrix& matrix) {
  return matrix.leading >= std::max(1, matrix.rows);
}

std::size_t extent(const Matrix& matrix) {
  if (matrix.rows == 0 || matrix.columns == 0) return 0;
  return static_cast<std::size_t>(matrix.columns - 1) * static_cast<std::size_t>(matrix.leading) +
         static_cast<std::size_t>(matrix.rows);
}

bool is_reachable(const Matrix& matrix, const void* data, const char* name) {
  const std::size_t bytes = extent(matrix) * bytes_of(matrix.type);
  if (bytes == 0) return true;
  const MemoryRange range = Memory::instance().look_up(data, bytes);
  if (range.whole && range.kind != MemoryKind::pageable && range.kind != MemoryKind::vacant) return true;
  std::fprintf(stderr,
               "cuda_on_cpu: cuBLAS operand %s at %p is not %zu bytes of memory that a device may reach\n",
               name, data, bytes);
  return false;
}

float value_at(const Matrix& matrix, const void* data, std::size_t index) {
  if (matrix.type == CUDA_R_16F) return __half2float(static_cast<const __half*>(data)[index]);
  if (matrix.type == CUDA_R_16BF) return __bfloat162float(static_cast<const __nv_bfloat16*>(data)[index]);
  return static_cast<const float*>(data)[index];
}

void set_value(const Matrix& matrix, void* data, std::size_t index, float value) {
  if (matrix.type == CUDA_R_16F) {
    static_cast<__half*>(data)[index] = __float2half_rn(value);
  } else if (matrix.type == CUDA_R_16BF) {
    static_cast<__nv_bfloat16*>(data)[index] = __float2bfloat16_rn(value);
  } else {
    static_cast<float*>(data)[index] = value;
  }
}

/// The matrix in fp32, without gaps between its columns.
std::vector<float> widened(const Matrix& matrix, const void* data) {
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(matrix.rows) * static_cast<std::size_t>(matrix.columns));
  for (int column = 0; column < matrix.columns; ++column)
    for (int row = 0; row < matrix.rows; ++row)
      values.push_back(value_at(matrix, data,
                                static_cast<std::size_t>(column) * static_cast<std::size_t>(matrix.leading) +
                                    static_cast<std::size_t>(row)));
  return values;
}

void narrow(const Matrix& matrix, const std::vector<float>& values, void* data) {
  std::size_t next = 0;
  for (int column = 0; column < matrix.columns; ++column)
    for (int row = 0; row < matrix.rows; ++row)
      set_value(matrix, data,
                static_cast<std::size_t>(column) * static_cast<std::size_t>(matrix.leading) +
                    static_cast<std::size_t>(row),
                values[next++]);
}

CBLAS_TRANSPOSE transposed(bool transpose) {
  return transpose ? CblasTrans : CblasNoTrans;
}

}  // namespace

std::size_t bytes_of(cudaDataType type) {
  return is_16_bits(type) ? 2 : 4;
}

cublasStatus_t make_shape(ProductShape& shape, cublasOperation_t left, cublasOperation_t right, int m, int n,
                          int k) {
  const auto is_known = [](cublasOperation_t operation) {
    return operation == CUBLAS_OP_N || operation == CUBLAS_OP_T || operation == CUBLAS_OP_C;
  };
  if (!is_known(left) || !is_known(right) || m < 0 || n < 0 || k < 0) return CUBLAS_STATUS_INVALID_VALUE;
  shape.transpose_left = left != CUBLAS_OP_N;
  shape.transpose_right = right != CUBLAS_OP_N;
  shape.m = m;
  shape.n = n;
  shape.k = k;
  shape.left.rows = shape.transpose_left ? k : m;
  shape.left.columns = shape.transpose_left ? m : k;
  shape.right.rows = shape.transpose_right ? n : k;
  shape.right.columns = shape.transpose_right ? k : n;
  shape.result.rows = m;
  shape.result.columns = n;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t check_shape(const ProductShape& shape) {
  if (!lies_well(shape.left) || !lies_well(shape.right) || !lies_well(shape.result))
    return CUBLAS_STATUS_INVALID_VALUE;
  return types_are_known(shape) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cudaError_t compute(const ProductShape& shape, const void* left, const void* right, void* result) {
  if (shape.m == 0 || shape.n == 0) return cudaSuccess;
  if (!is_reachable(shape.left, left, "A") || !is_reachable(shape.right, right, "B") ||
      !is_reachable(shape.result, result, "C"))
    return cudaErrorIllegalAddress;
  const std::vector<float> a = widened(shape.left, left);
  const std::vector<float> b = widened(shape.right, right);
  // What C held is not read when beta is 0: it may be no number.
  std::vector<float> c(static_cast<std::size_t>(shape.m) * static_cast<std::size_t>(shape.n));
  if (shape.beta != 0) c = widened(shape.result, result);
  cblas_sgemm(CblasColMajor, transposed(shape.transpose_left), transposed(shape.transpose_right), shape.m,
              shape.n, shape.k, shape.alpha, a.data(), std::max(1, shape.left.rows), b.data(),
              std::max(1, shape.right.rows), shape.beta, c.data(), shape.m);
  narrow(shape.result, c, result);
  return cudaSuccess;
}

}  // namespace prophet::cuda_on_cpu
