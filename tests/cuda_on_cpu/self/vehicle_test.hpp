#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/cuda_on_cpu/control.hpp"

namespace prophet::cuda_on_cpu {

/// Fails the calling test with CUDA's own words.
inline void expect_ok(cudaError_t status) {
  EXPECT_EQ(status, cudaSuccess) << cudaGetErrorName(status) << ": " << cudaGetErrorString(status);
}

/// Gives every test the same machine, and finds nothing alive and no error left behind it.
class VehicleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    before_ = machine();
    clear_faults();
    forget_calls();
  }
  void TearDown() override {
    clear_faults();
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_EQ(to_string(live_objects()), "");
    set_machine(before_);
    clear_faults();
  }
  /// This machine with another seed, strict or not.
  static void play(bool strict, std::uint64_t seed, unsigned jitter_us = 0) {
    Machine now = machine();
    now.strict = strict;
    now.seed = seed;
    now.jitter_us = jitter_us;
    set_machine(now);
  }

 private:
  Machine before_;
};

class OwnedStream {
 public:
  explicit OwnedStream(unsigned flags = cudaStreamNonBlocking, int priority = 0) {
    expect_ok(cudaStreamCreateWithPriority(&handle_, flags, priority));
  }
  OwnedStream(const OwnedStream&) = delete;
  OwnedStream& operator=(const OwnedStream&) = delete;
  ~OwnedStream() { cudaStreamDestroy(handle_); }
  operator cudaStream_t() const { return handle_; }  // NOLINT: as the handle is used everywhere

 private:
  cudaStream_t handle_ = nullptr;
};

class OwnedEvent {
 public:
  explicit OwnedEvent(unsigned flags = cudaEventDisableTiming) {
    expect_ok(cudaEventCreateWithFlags(&handle_, flags));
  }
  OwnedEvent(const OwnedEvent&) = delete;
  OwnedEvent& operator=(const OwnedEvent&) = delete;
  ~OwnedEvent() { cudaEventDestroy(handle_); }
  operator cudaEvent_t() const { return handle_; }  // NOLINT

 private:
  cudaEvent_t handle_ = nullptr;
};

/// Values in device memory or, pinned, in host memory.
template <class T>
class OwnedMemory {
 public:
  OwnedMemory(std::size_t size, bool pinned) : size_(size), pinned_(pinned) {
    auto** address = reinterpret_cast<void**>(&data_);
    expect_ok(pinned ? cudaMallocHost(address, bytes()) : cudaMalloc(address, bytes()));
  }
  OwnedMemory(const OwnedMemory&) = delete;
  OwnedMemory& operator=(const OwnedMemory&) = delete;
  ~OwnedMemory() { pinned_ ? cudaFreeHost(data_) : cudaFree(data_); }
  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return size_ * sizeof(T); }
  [[nodiscard]] std::size_t size() const { return size_; }
  T& operator[](std::size_t i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t size_;
  bool pinned_;
};

template <class T>
OwnedMemory<T> device_memory(std::size_t size) {
  return OwnedMemory<T>(size, false);
}
template <class T>
OwnedMemory<T> pinned_memory(std::size_t size) {
  return OwnedMemory<T>(size, true);
}

/// Copies from pageable memory and waits for what has been read there to arrive, as no stream of its own
/// would.
inline void put(void* device, const void* host, std::size_t bytes) {
  expect_ok(cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice));
  expect_ok(cudaStreamSynchronize(cudaStreamLegacy));
}

template <class T>
std::vector<T> read_back(const OwnedMemory<T>& device) {
  std::vector<T> values(device.size());
  expect_ok(cudaMemcpy(values.data(), device.data(), device.bytes(), cudaMemcpyDeviceToHost));
  return values;
}

}  // namespace prophet::cuda_on_cpu
