#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>

#include "runtime/base/random.hpp"
#include "tests/cuda_on_cpu/self/vehicle_test.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::cuda_on_cpu {
namespace {

using prophet::testing::fresh_seed;

void expect_ok(cublasStatus_t status) {
  EXPECT_EQ(status, CUBLAS_STATUS_SUCCESS) << cublasGetStatusName(status);
}
using cuda_on_cpu::expect_ok;

class OwnedHandle {
 public:
  explicit OwnedHandle(cudaStream_t stream) {
    expect_ok(cublasCreate(&handle_));
    expect_ok(cublasSetStream(handle_, stream));
  }
  OwnedHandle(const OwnedHandle&) = delete;
  OwnedHandle& operator=(const OwnedHandle&) = delete;
  ~OwnedHandle() { cublasDestroy(handle_); }
  operator cublasHandle_t() const { return handle_; }  // NOLINT: as the handle is used everywhere

 private:
  cublasHandle_t handle_ = nullptr;
};

float to_float(float value) {
  return value;
}
float to_float(__half value) {
  return __half2float(value);
}
float to_float(__nv_bfloat16 value) {
  return __bfloat162float(value);
}
template <class T>
T from_float(float value) {
  if constexpr (std::is_same_v<T, __half>) return __float2half(value);
  if constexpr (std::is_same_v<T, __nv_bfloat16>) return __float2bfloat16(value);
  if constexpr (std::is_same_v<T, float>) return value;
}
template <class T>
constexpr cudaDataType type_of = std::is_same_v<T, float>    ? CUDA_R_32F
                                 : std::is_same_v<T, __half> ? CUDA_R_16F
                                                             : CUDA_R_16BF;

/// A column-major matrix with a margin below each column, in device memory and in host memory.
template <class T>
struct TestMatrix {
  TestMatrix(Random& random, int row_count, int column_count)
      : rows(row_count),
        leading(row_count + 3),
        host(static_cast<std::size_t>(leading) * static_cast<std::size_t>(column_count)),
        device(host.size(), false) {
    for (T& value : host) value = from_float<T>(static_cast<float>(2 * random.uniform() - 1));
    put(device.data(), host.data(), device.bytes());
  }
  [[nodiscard]] float at(int row, int column) const {
    return to_float(host[static_cast<std::size_t>(column * leading + row)]);
  }
  int rows;
  int leading;
  std::vector<T> host;
  OwnedMemory<T> device;
};

/// op(A) [m, k] op(B) [k, n], one value.
template <class T>
double product_at(const TestMatrix<T>& a, bool transpose_a, const TestMatrix<T>& b, bool transpose_b, int k,
                  int row, int column) {
  double sum = 0;
  for (int i = 0; i < k; ++i)
    sum += double{transpose_a ? a.at(i, row) : a.at(row, i)} *
           double{transpose_b ? b.at(column, i) : b.at(i, column)};
  return sum;
}

template <class T>
class CublasProduct : public VehicleTest {};
using Types = ::testing::Types<float, __half, __nv_bfloat16>;
TYPED_TEST_SUITE(CublasProduct, Types);

TYPED_TEST(CublasProduct, IsTheProductInEveryLayout) {
  Random random(fresh_seed());
  const OwnedStream stream;
  const OwnedHandle handle(stream);
  const float alpha = 0.5F;
  const float beta = 2;
  constexpr double tolerance = 0.02;
  for (int variant = 0; variant < 4; ++variant) {
    const bool transpose_a = (variant & 1) != 0;
    const bool transpose_b = (variant & 2) != 0;
    const int m = 1 + static_cast<int>(random.below(20));
    const int n = 1 + static_cast<int>(random.below(20));
    const int k = 1 + static_cast<int>(random.below(20));
    const TestMatrix<TypeParam> a(random, transpose_a ? k : m, transpose_a ? m : k);
    const TestMatrix<TypeParam> b(random, transpose_b ? n : k, transpose_b ? k : n);
    const TestMatrix<float> c(random, m, n);
    const TestMatrix<TypeParam> narrow(random, m, n);
    const auto multiply = [&](void* result, cudaDataType type, int leading, const float* factor) {
      expect_ok(cublasGemmEx(handle, transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N,
                             transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N, m, n, k, &alpha, a.device.data(),
                             type_of<TypeParam>, a.leading, b.device.data(), type_of<TypeParam>, b.leading,
                             factor, result, type, leading, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
    };
    multiply(c.device.data(), CUDA_R_32F, c.leading, &beta);
    const float zero = 0;
    multiply(narrow.device.data(), type_of<TypeParam>, narrow.leading, &zero);
    expect_ok(cudaStreamSynchronize(stream));
    const std::vector<float> got = read_back(c.device);
    const std::vector<TypeParam> got_narrow = read_back(narrow.device);
    for (int column = 0; column < n; ++column) {
      for (int row = 0; row < c.leading; ++row) {
        const auto index = static_cast<std::size_t>(column * c.leading + row);
        if (row >= m) {
          EXPECT_EQ(got[index], c.host[index]) << "the margin is nobody's to write";
          continue;
        }
        const double product = 0.5 * product_at(a, transpose_a, b, transpose_b, k, row, column);
        EXPECT_NEAR(got[index], product + 2 * double{c.host[index]}, 1e-5 * k);
        EXPECT_NEAR(to_float(got_narrow[index]), product, tolerance * (1 + std::abs(product)));
      }
    }
  }
}

class Cublas : public VehicleTest {
 protected:
  static constexpr float one = 1;
  static constexpr float zero = 0;
};

TEST_F(Cublas, GroupsOfProductsReadTheirAddressesFromTheDevice) {
  const OwnedStream stream;
  const OwnedHandle handle(stream);
  // Group 0: two products [1, 1] x [1, 1]; group 1: one product [2, 1] x [1, 1].
  const auto values = device_memory<float>(16);
  std::vector<float> host(16, 0);
  host = {2, 3, 5, 7, 11, 13, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  put(values.data(), host.data(), values.bytes());
  float* v = values.data();
  const std::vector<const float*> left = {v, v + 1, v + 3};
  const std::vector<const float*> right = {v + 2, v + 2, v + 5};
  const std::vector<float*> result = {v + 8, v + 9, v + 10};
  const auto device_lists = device_memory<void*>(9);
  put(device_lists.data(), left.data(), 24);
  put(device_lists.data() + 3, right.data(), 24);
  put(device_lists.data() + 6, result.data(), 24);
  const cublasOperation_t plain[] = {CUBLAS_OP_N, CUBLAS_OP_N};
  const int m[] = {1, 2};
  const int n[] = {1, 1};
  const int k[] = {1, 1};
  const int lda[] = {1, 2};
  const int ldb[] = {1, 1};
  const int ldc[] = {1, 2};
  const int counts[] = {2, 1};
  const float alphas[] = {1, 10};
  const float betas[] = {0, 0};
  const auto multiply = [&](void* const* a, void* const* b, void* const* c) {
    return cublasGemmGroupedBatchedEx(handle, plain, plain, m, n, k, alphas,
                                      const_cast<const void* const*>(a), CUDA_R_32F, lda,
                                      const_cast<const void* const*>(b), CUDA_R_32F, ldb, betas, c,
                                      CUDA_R_32F, ldc, 2, counts, CUBLAS_COMPUTE_32F);
  };
  void* const* lists = device_lists.data();
  expect_ok(multiply(lists, lists + 3, lists + 6));
  expect_ok(cudaStreamSynchronize(stream));
  const auto got = read_back(values);
  EXPECT_EQ(std::vector<float>(got.begin() + 8, got.begin() + 12), (std::vector<float>{10, 15, 910, 1430}));
  std::vector<void*> on_host(3);
  EXPECT_EQ(multiply(on_host.data(), lists + 3, lists + 6), CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(Cublas, ProductsAtEqualDistances) {
  const OwnedStream stream;
  const OwnedHandle handle(stream);
  const auto values = device_memory<float>(6);
  const std::vector<float> host = {2, 3, 10, 100, 0, 0};
  put(values.data(), host.data(), values.bytes());
  float* v = values.data();
  expect_ok(cublasGemmStridedBatchedEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, v, CUDA_R_32F, 1, 1,
                                       v + 2, CUDA_R_32F, 1, 1, &zero, v + 4, CUDA_R_32F, 1, 1, 2,
                                       CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
  expect_ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(read_back(values), (std::vector<float>{2, 3, 10, 100, 20, 300}));
}

TEST_F(Cublas, ProductsStandInTheOrderOfTheirStream) {
  play(true, 1);
  const OwnedStream stream;
  const OwnedHandle handle(stream);
  const auto values = device_memory<float>(2);
  const auto source = pinned_memory<float>(1);
  source[0] = 3;
  float* v = values.data();
  expect_ok(cudaMemcpyAsync(v, source.data(), 4, cudaMemcpyHostToDevice, stream));
  for (int i = 0; i < 3; ++i) {
    expect_ok(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, v, 1, v, 1, &zero, v + 1, 1));
    expect_ok(cudaMemcpyAsync(v, v + 1, 4, cudaMemcpyDeviceToDevice, stream));
  }
  expect_ok(cudaStreamSynchronize(stream));
  EXPECT_EQ(read_back(values)[0], 6561);
}

TEST_F(Cublas, ProductsUseTheWorkspaceThatTheHandleWasGivenAfterItsStream) {
  const OwnedStream stream;
  const OwnedHandle handle(stream);
  const auto values = device_memory<float>(3);
  const auto workspace = device_memory<float>(2048);
  const std::vector<float> zeros(2048);
  float* v = values.data();
  const auto multiply = [&] {
    forget_calls();
    expect_ok(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, v, 1, v, 1, &zero, v + 1, 1));
    expect_ok(cudaStreamSynchronize(stream));
    return calls().count("cublasOwnWorkspace");
  };
  EXPECT_EQ(multiply(), 1U);
  put(workspace.data(), zeros.data(), 8192);
  expect_ok(cublasSetWorkspace(handle, workspace.data(), 8192));
  EXPECT_EQ(multiply(), 0U);
  const std::vector<float> left = read_back(workspace);
  EXPECT_TRUE(std::isnan(left.front()) && std::isnan(left.back()));
  expect_ok(cublasSetStream(handle, stream));
  EXPECT_EQ(multiply(), 1U);
}

TEST_F(Cublas, RefusesWhatCublasRefuses) {
  const OwnedStream stream;
  const OwnedHandle handle(stream);
  const auto values = device_memory<float>(16);
  float* v = values.data();
  const auto multiply = [&](int m, int lda, cudaDataType a_type, cudaDataType c_type,
                            cublasComputeType_t compute) {
    return cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, m, 1, 1, &one, v, a_type, lda, v + 4, a_type, 1,
                        &zero, v + 8, c_type, 4, compute, CUBLAS_GEMM_DEFAULT);
  };
  EXPECT_EQ(multiply(-1, 2, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(multiply(2, 1, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(multiply(2, 2, CUDA_R_32F, CUDA_R_16F, CUBLAS_COMPUTE_32F), CUBLAS_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(multiply(2, 2, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_64F), CUBLAS_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(multiply(0, 2, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(cublasSetStream(handle, reinterpret_cast<cudaStream_t>(0x123)), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasSetWorkspace(handle, reinterpret_cast<char*>(v) + 1, 1), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasSetStream(nullptr, stream), CUBLAS_STATUS_NOT_INITIALIZED);
}

TEST_F(Cublas, AnOperandThatTheDeviceCannotReachIsAStickyError) {
  const OwnedStream stream;
  const OwnedHandle handle(stream);
  const auto values = device_memory<float>(4);
  std::vector<float> pageable(4);
  expect_ok(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, pageable.data(), 1, values.data(), 1,
                        &zero, values.data() + 1, 1));
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
}

TEST_F(Cublas, FaultsAndLeaksAreSeen) {
  const OwnedStream stream;
  {
    const OwnedHandle handle(stream);
    EXPECT_EQ(live_objects().cublas_handles, 1U);
    fail_call("cublasGemmEx", 1, cudaErrorMemoryAllocation);
    EXPECT_EQ(
        cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 0, 0, 0, &one, nullptr, CUDA_R_32F, 1, nullptr,
                     CUDA_R_32F, 1, &zero, nullptr, CUDA_R_32F, 1, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
        CUBLAS_STATUS_ALLOC_FAILED);
  }
  EXPECT_EQ(live_objects().cublas_handles, 0U);
}

}  // namespace
}  // namespace prophet::cuda_on_cpu
