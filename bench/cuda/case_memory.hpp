#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "bench/cuda/bench_gpu.hpp"
#include "runtime/device/cuda/device_memory.hpp"

namespace prophet::measure {

/// The device memory of one measured kernel; all of it goes when the owner does.
class CaseMemory {
 public:
  CaseMemory(BenchGpu& gpu, std::uint64_t seed) : gpu_(gpu), seed_(seed) {}

  /// Bytes drawn by the seed that are moderate, finite numbers in every format of 8 to 32 bits: what data are
  /// decides how much power a GPU draws, and so its clock.
  [[nodiscard]] std::byte* drawn(std::uint64_t size_bytes);
  template <class T>
  [[nodiscard]] T* drawn_values(std::uint64_t count) {
    return reinterpret_cast<T*>(drawn(count * sizeof(T)));
  }
  /// As the device finds it.
  template <class T>
  [[nodiscard]] T* room(std::uint64_t count) {
    return reinterpret_cast<T*>(allocate(count * sizeof(T)));
  }
  template <class T>
  [[nodiscard]] T* values(const std::vector<T>& values) {
    std::byte* const data = allocate(values.size() * sizeof(T));
    upload(data, std::as_bytes(std::span(values)));
    return reinterpret_cast<T*>(data);
  }
  /// Zeroed host memory that the device sees; its address there.
  [[nodiscard]] std::byte* mapped(std::uint64_t size_bytes);

  [[nodiscard]] BenchGpu& gpu() noexcept { return gpu_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

 private:
  [[nodiscard]] std::byte* allocate(std::uint64_t size_bytes);
  void upload(std::byte* to, std::span<const std::byte> bytes);

  BenchGpu& gpu_;
  std::uint64_t seed_;
  std::vector<cuda::DeviceMemory> device_;
  std::vector<cuda::MappedMemory> mapped_;
};

}  // namespace prophet::measure
