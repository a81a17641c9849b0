#include "kernels/cuda/expert_products.hpp"

#include <cuda_runtime.h>

#include "kernels/cuda/launch.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned problems_max = 2 * expert_batch_max;

/// One product as cuBLAS sees it: column-major, so that the matrix comes first and is transposed.
struct Problem {
  const void* a;
  const void* b;
  void* c;
};

__host__ __device__ inline std::uint64_t value_bytes(FloatFormat format) {
  return format == FloatFormat::fp32 ? 4 : 2;
}

__host__ __device__ inline Problem problem_of(const ExpertBatch& experts, const ExpertProducts& products,
                                              std::uint32_t expert, std::uint32_t matrix) {
  const std::uint64_t bytes = value_bytes(products.format);
  const std::byte* weights = products.weights == nullptr
                                 ? experts.slabs[expert]
                                 : products.weights + expert * products.weights_stride_bytes;
  const std::uint64_t row = experts.first_row[expert];
  return {weights + (matrix == 0 ? products.offsets_bytes[0] : products.offsets_bytes[1]),
          products.source + row * products.inputs * bytes,
          (matrix == 0 ? products.targets[0] : products.targets[1]) + row * products.outputs * bytes};
}

/// The lists that a grouped call reads: all A, all B, all C.
__global__ void __launch_bounds__(problems_max)
    write_pointers_kernel(const ExpertBatch experts, const ExpertProducts products, void** pointers) {
  const unsigned index = threadIdx.x;
  if (index >= experts.count * products.matrices) return;
  const Problem problem = problem_of(experts, products, index / products.matrices, index % products.matrices);
  pointers[index] = const_cast<void*>(problem.a);
  pointers[problems_max + index] = const_cast<void*>(problem.b);
  pointers[2 * problems_max + index] = problem.c;
}

cudaDataType_t data_type(FloatFormat format) {
  if (format == FloatFormat::fp32) return CUDA_R_32F;
  return format == FloatFormat::fp16 ? CUDA_R_16F : CUDA_R_16BF;
}

/// A group an expert; what cuBLAS wants of each, as lists on the host.
struct Groups {
  cublasOperation_t transposed[expert_batch_max];
  cublasOperation_t plain[expert_batch_max];
  int outputs[expert_batch_max];
  int rows[expert_batch_max];
  int inputs[expert_batch_max];
  int matrix_stride[expert_batch_max];
  int problems[expert_batch_max];
  float one[expert_batch_max];
  float zero[expert_batch_max];
};

Groups groups_of(const ExpertBatch& experts, const ExpertProducts& products) {
  Groups groups{};
  for (std::uint32_t e = 0; e < experts.count; ++e) {
    groups.transposed[e] = CUBLAS_OP_T;
    groups.plain[e] = CUBLAS_OP_N;
    groups.outputs[e] = static_cast<int>(products.outputs);
    groups.rows[e] = static_cast<int>(experts.rows[e]);
    groups.inputs[e] = static_cast<int>(products.inputs);
    groups.matrix_stride[e] = static_cast<int>(products.inputs * products.row_step);
    groups.problems[e] = static_cast<int>(products.matrices);
    groups.one[e] = 1.0F;
    groups.zero[e] = 0.0F;
  }
  return groups;
}

cublasStatus_t multiply_grouped(cublasHandle_t handle, const ExpertBatch& experts,
                                const ExpertProducts& products, void** pointers) {
  const Groups groups = groups_of(experts, products);
  const cudaDataType_t type = data_type(products.format);
  return cublasGemmGroupedBatchedEx(handle, groups.transposed, groups.plain, groups.outputs, groups.rows,
                                    groups.inputs, groups.one, pointers, type, groups.matrix_stride,
                                    pointers + problems_max, type, groups.inputs, groups.zero,
                                    pointers + std::ptrdiff_t{2} * problems_max, type, groups.outputs,
                                    static_cast<int>(experts.count), groups.problems, CUBLAS_COMPUTE_32F);
}

cublasStatus_t multiply_each(cublasHandle_t handle, const ExpertBatch& experts,
                             const ExpertProducts& products) {
  const cudaDataType_t type = data_type(products.format);
  const auto outputs = static_cast<int>(products.outputs);
  const auto inputs = static_cast<int>(products.inputs);
  const auto stride = static_cast<int>(products.inputs * products.row_step);
  const float one = 1.0F;
  const float zero = 0.0F;
  for (std::uint32_t index = 0; index < experts.count * products.matrices; ++index) {
    const std::uint32_t expert = index / products.matrices;
    const Problem problem = problem_of(experts, products, expert, index % products.matrices);
    const cublasStatus_t status =
        cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, outputs, static_cast<int>(experts.rows[expert]),
                     inputs, &one, problem.a, type, stride, problem.b, type, inputs, &zero, problem.c, type,
                     outputs, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

cudaError_t multiply_experts(cublasHandle_t handle, const ExpertBatch& experts,
                             const ExpertProducts& products, void* pointers, cudaStream_t stream) noexcept {
  if (experts.count > expert_batch_max || products.matrices > 2) return cudaErrorInvalidValue;
  if (experts.count == 0) return cudaSuccess;
  if (handle == nullptr || pointers == nullptr) return cudaErrorInvalidValue;
  auto** lists = static_cast<void**>(pointers);
  const LaunchShape shape{.grid = dim3(1), .block = dim3(problems_max), .stream = stream};
  const cudaError_t written = launch(write_pointers_kernel, shape, experts, products, lists);
  if (written != cudaSuccess) return written;
  cublasStatus_t status = multiply_grouped(handle, experts, products, lists);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) status = multiply_each(handle, experts, products);
  return cuda_error_of(status);
}

cudaError_t cuda_error_of(cublasStatus_t status) noexcept {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return cudaSuccess;
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return cudaErrorInvalidResourceHandle;
    case CUBLAS_STATUS_ALLOC_FAILED:
      return cudaErrorMemoryAllocation;
    case CUBLAS_STATUS_INVALID_VALUE:
      return cudaErrorInvalidValue;
    case CUBLAS_STATUS_ARCH_MISMATCH:
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return cudaErrorNotSupported;
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return cudaErrorLaunchFailure;
    default:
      return cudaErrorUnknown;
  }
}

}  // namespace prophet::kernels::cuda
