#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace prophet::kernels_test {

/// Fails the calling test with CUDA's own words. Use with ASSERT_NO_FATAL_FAILURE only where it must end.
inline void expect_ok(cudaError_t status) {
  EXPECT_EQ(status, cudaSuccess) << cudaGetErrorName(status) << ": " << cudaGetErrorString(status);
}

/// True when a GPU (or the test vehicle) answers.
[[nodiscard]] inline bool has_device() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

/// Base of every test here: skips by name where there is no device, and afterwards no error is left over.
class OnDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_device()) GTEST_SKIP() << "no CUDA device";
  }
  void TearDown() override {
    if (has_device()) expect_ok(cudaDeviceSynchronize());
  }
};

/// Owns device memory for `size` values; copies whole arrays in and out, synchronously.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t size) : size_(size) {
    if (size != 0) expect_ok(cudaMalloc(reinterpret_cast<void**>(&data_), size * sizeof(T)));
  }
  explicit DeviceArray(std::span<const T> values) : DeviceArray(values.size()) {
    if (size_ != 0) expect_ok(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(std::span<const T>(values)) {}
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(data_); }

  [[nodiscard]] T* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// What the array holds when everything submitted so far has run.
  [[nodiscard]] std::vector<T> read() const {
    std::vector<T> values(size_);
    expect_ok(cudaDeviceSynchronize());
    if (size_ != 0) expect_ok(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace prophet::kernels_test
