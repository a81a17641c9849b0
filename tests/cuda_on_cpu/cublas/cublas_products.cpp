// Matrix products of cuBLAS.
#include <cublas_v2.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "tests/cuda_on_cpu/cublas/handle.hpp"
#include "tests/cuda_on_cpu/cublas/product.hpp"
#include "tests/cuda_on_cpu/cudart/memory.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"

namespace prophet::cuda_on_cpu {
namespace {

bool is_fp32_compute(cublasComputeType_t type) {
  return type == CUBLAS_COMPUTE_32F || type == CUBLAS_COMPUTE_32F_PEDANTIC ||
         type == CUBLAS_COMPUTE_32F_FAST_16F || type == CUBLAS_COMPUTE_32F_FAST_16BF ||
         type == CUBLAS_COMPUTE_32F_FAST_TF32;
}

/// Products may use all of the workspace, and leave nothing of worth in it: its ends become NaN.
void spoil_workspace(std::byte* data, std::size_t bytes) {
  constexpr std::size_t end_bytes = 4096;
  const std::size_t spoiled = std::min(bytes, end_bytes);
  std::memset(data, 0xFF, spoiled);
  std::memset(data + bytes - spoiled, 0xFF, spoiled);
}

cublasStatus_t submit(const CublasHandle& handle, std::function<cudaError_t()> run) {
  // Counted, so that a test sees who forgot to give one.
  if (handle.workspace == nullptr) {
    if (const cudaError_t refusal = begin_call("cublasOwnWorkspace"); refusal != cudaSuccess)
      return to_status(refusal);
  }
  Work work{.type = cudaGraphNodeTypeKernel, .operation = {}};
  work.operation.run = [run = std::move(run), data = handle.workspace, bytes = handle.workspace_bytes] {
    if (data != nullptr) spoil_workspace(data, bytes);
    return run();
  };
  return to_status(enqueue(find_stream(handle.stream), std::move(work)));
}

/// One matrix operand as the call names it.
struct Operand {
  cudaDataType type;
  int leading;
};

cublasStatus_t complete(ProductShape& shape, const void* alpha, const void* beta, Operand left, Operand right,
                        Operand result) {
  if (alpha == nullptr || beta == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  shape.alpha = *static_cast<const float*>(alpha);
  shape.beta = *static_cast<const float*>(beta);
  shape.left.type = left.type;
  shape.left.leading = left.leading;
  shape.right.type = right.type;
  shape.right.leading = right.leading;
  shape.result.type = result.type;
  shape.result.leading = result.leading;
  return check_shape(shape);
}

const void* advanced(const void* data, long long values, cudaDataType type) {
  return static_cast<const unsigned char*>(data) + values * static_cast<long long>(bytes_of(type));
}

struct Strides {
  long long left = 0;
  long long right = 0;
  long long result = 0;
  int count = 1;
};

/// `strides.count` products of one shape, at equal distances.
cublasStatus_t multiply(const CublasHandle& handle, const ProductShape& shape, const void* left,
                        const void* right, void* result, Strides strides) {
  if (strides.count < 0) return CUBLAS_STATUS_INVALID_VALUE;
  if (shape.m == 0 || shape.n == 0 || strides.count == 0) return CUBLAS_STATUS_SUCCESS;
  if (left == nullptr || right == nullptr || result == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  return submit(handle, [=] {
    for (int i = 0; i < strides.count; ++i) {
      const auto* a = advanced(left, i * strides.left, shape.left.type);
      const auto* b = advanced(right, i * strides.right, shape.right.type);
      auto* c = const_cast<void*>(advanced(result, i * strides.result, shape.result.type));
      if (const cudaError_t error = compute(shape, a, b, c); error != cudaSuccess) return error;
    }
    return cudaSuccess;
  });
}

struct Group {
  ProductShape shape;
  int count = 0;
};

/// The lists of addresses lie in device memory, and are read in stream order.
cudaError_t compute_groups(const std::vector<Group>& groups, const void* const* left,
                           const void* const* right, void* const* result) {
  std::size_t next = 0;
  for (const Group& group : groups) {
    for (int i = 0; i < group.count; ++i, ++next) {
      const cudaError_t error = compute(group.shape, left[next], right[next], result[next]);
      if (error != cudaSuccess) return error;
    }
  }
  return cudaSuccess;
}

bool is_device_list(const void* list, std::size_t count) {
  const MemoryRange range = Memory::instance().look_up(list, count * sizeof(void*));
  return range.whole && range.kind != MemoryKind::pageable && range.kind != MemoryKind::vacant;
}

}  // namespace
}  // namespace prophet::cuda_on_cpu

using namespace prophet::cuda_on_cpu;

extern "C" {

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t left, cublasOperation_t right, int m,
                              int n, int k, const float* alpha, const float* a, int lda, const float* b,
                              int ldb, const float* beta, float* c, int ldc) {
  return cublas_call("cublasSgemm", handle, [&](const CublasHandle& state) {
    ProductShape shape;
    if (const auto status = make_shape(shape, left, right, m, n, k); status != CUBLAS_STATUS_SUCCESS)
      return status;
    const auto status = complete(shape, alpha, beta, {CUDA_R_32F, lda}, {CUDA_R_32F, ldb}, {CUDA_R_32F, ldc});
    return status != CUBLAS_STATUS_SUCCESS ? status : multiply(state, shape, a, b, c, {});
  });
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t left, cublasOperation_t right, int m,
                            int n, int k, const void* alpha, const void* a, cudaDataType a_type, int lda,
                            const void* b, cudaDataType b_type, int ldb, const void* beta, void* c,
                            cudaDataType c_type, int ldc, cublasComputeType_t compute_type,
                            cublasGemmAlgo_t /*algorithm*/) {
  return cublas_call(__func__, handle, [&](const CublasHandle& state) {
    if (!is_fp32_compute(compute_type)) return CUBLAS_STATUS_NOT_SUPPORTED;
    ProductShape shape;
    if (const auto status = make_shape(shape, left, right, m, n, k); status != CUBLAS_STATUS_SUCCESS)
      return status;
    const auto status = complete(shape, alpha, beta, {a_type, lda}, {b_type, ldb}, {c_type, ldc});
    return status != CUBLAS_STATUS_SUCCESS ? status : multiply(state, shape, a, b, c, {});
  });
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t left,
                                          cublasOperation_t right, int m, int n, int k, const void* alpha,
                                          const void* a, cudaDataType a_type, int lda, long long a_stride,
                                          const void* b, cudaDataType b_type, int ldb, long long b_stride,
                                          const void* beta, void* c, cudaDataType c_type, int ldc,
                                          long long c_stride, int count, cublasComputeType_t compute_type,
                                          cublasGemmAlgo_t /*algorithm*/) {
  return cublas_call(__func__, handle, [&](const CublasHandle& state) {
    if (!is_fp32_compute(compute_type)) return CUBLAS_STATUS_NOT_SUPPORTED;
    ProductShape shape;
    if (const auto status = make_shape(shape, left, right, m, n, k); status != CUBLAS_STATUS_SUCCESS)
      return status;
    const auto status = complete(shape, alpha, beta, {a_type, lda}, {b_type, ldb}, {c_type, ldc});
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    return multiply(state, shape, a, b, c, {a_stride, b_stride, c_stride, count});
  });
}

cublasStatus_t cublasGemmGroupedBatchedEx(cublasHandle_t handle, const cublasOperation_t left[],
                                          const cublasOperation_t right[], const int m[], const int n[],
                                          const int k[], const void* alpha, const void* const a[],
                                          cudaDataType_t a_type, const int lda[], const void* const b[],
                                          cudaDataType_t b_type, const int ldb[], const void* beta,
                                          void* const c[], cudaDataType_t c_type, const int ldc[],
                                          int group_count, const int group_size[],
                                          cublasComputeType_t compute_type) {
  return cublas_call(__func__, handle, [&](const CublasHandle& state) {
    if (!is_fp32_compute(compute_type)) return CUBLAS_STATUS_NOT_SUPPORTED;
    // Narrower than cublasGemmEx: results have the type of what is multiplied.
    if (a_type != c_type) return CUBLAS_STATUS_NOT_SUPPORTED;
    if (group_count < 0 || alpha == nullptr || beta == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    std::vector<Group> groups(static_cast<std::size_t>(group_count));
    std::size_t products = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (group_size[g] < 0) return CUBLAS_STATUS_INVALID_VALUE;
      ProductShape& shape = groups[g].shape;
      groups[g].count = group_size[g];
      products += static_cast<std::size_t>(group_size[g]);
      auto status = make_shape(shape, left[g], right[g], m[g], n[g], k[g]);
      if (status == CUBLAS_STATUS_SUCCESS)
        status = complete(shape, static_cast<const float*>(alpha) + g, static_cast<const float*>(beta) + g,
                          {a_type, lda[g]}, {b_type, ldb[g]}, {c_type, ldc[g]});
      if (status != CUBLAS_STATUS_SUCCESS) return status;
    }
    if (products == 0) return CUBLAS_STATUS_SUCCESS;
    if (!is_device_list(a, products) || !is_device_list(b, products) || !is_device_list(c, products))
      return CUBLAS_STATUS_INVALID_VALUE;
    return submit(state, [=, all = std::move(groups)] { return compute_groups(all, a, b, c); });
  });
}

}  // extern "C"
