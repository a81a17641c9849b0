#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "bench/measure/measurements.hpp"
#include "runtime/device/cuda/device_memory.hpp"
#include "runtime/device/cuda/event_table.hpp"
#include "runtime/device/cuda/gpu.hpp"
#include "runtime/device/cuda/status.hpp"
#include "runtime/device/cuda/stream_table.hpp"

namespace prophet::measure {

/// Submits something to a stream.
using Launch = std::function<cudaError_t(cudaStream_t)>;

/// What a timed operation finds.
enum class Before : std::uint8_t {
  idle,         ///< the stream has nothing to do
  cache_swept,  ///< memory of at least twice the second-level cache has just been written, and still is while
                ///< the operation is being submitted: it begins at once, and its data come from memory
};

struct Sample {
  std::uint64_t device_ns = 0;  ///< between events before and behind it; CUDA resolves about 500 ns
  std::uint64_t submit_ns = 0;  ///< host time of submitting it
};

/// The GPU on which something is measured, with one stream and a clock. Thread safety: none.
class BenchGpu {
 public:
  /// Throws Error{no_device} with one sentence when there is no such GPU.
  explicit BenchGpu(int ordinal);
  BenchGpu(const BenchGpu&) = delete;
  BenchGpu& operator=(const BenchGpu&) = delete;

  [[nodiscard]] const MeasuredGpu& facts() const noexcept { return facts_; }
  [[nodiscard]] const cuda::Gpu& gpu() const noexcept { return gpu_; }
  [[nodiscard]] cuda::Status& status() noexcept { return status_; }
  [[nodiscard]] cudaStream_t stream() const noexcept { return stream_.get(); }

  /// Runs it once, and returns when the device has.
  Sample time_once(const Launch& launch, Before before, const char* what);
  /// Untimed runs, then as many timed ones as asked for.
  [[nodiscard]] std::vector<Sample> time(const Launch& launch, Before before, const Repetitions& repetitions,
                                         const char* what);
  void synchronize(const char* what);
  /// Before memory goes: waits for what is submitted. An error is kept for throw_pending.
  void drain() noexcept;

 private:
  cuda::Gpu gpu_;
  cuda::Status status_;
  MeasuredGpu facts_;
  cuda::OwnedStream stream_;
  cuda::OwnedEvent begin_;
  cuda::OwnedEvent end_;
  cuda::DeviceMemory swept_;
};

/// Waits at the end of its scope, so that no operation outlives the memory that was made before it.
class Drain {
 public:
  explicit Drain(BenchGpu& gpu) : gpu_(gpu) {}
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;
  ~Drain() { gpu_.drain(); }

 private:
  BenchGpu& gpu_;
};

[[nodiscard]] Timing device_timing(const std::vector<Sample>& samples);
[[nodiscard]] Timing submit_timing(const std::vector<Sample>& samples);

}  // namespace prophet::measure
