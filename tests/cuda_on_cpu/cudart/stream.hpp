#pragma once

#include <driver_types.h>

#include <array>
#include <memory>
#include <mutex>

#include "tests/cuda_on_cpu/cudart/capture.hpp"
#include "tests/cuda_on_cpu/cudart/handle_table.hpp"
#include "tests/cuda_on_cpu/cudart/memory.hpp"
#include "tests/cuda_on_cpu/cudart/scheduler.hpp"

namespace prophet::cuda_on_cpu {

struct Stream {
  int device = 0;
  int priority = 0;
  unsigned flags = 0;
  bool is_legacy = false;
  std::shared_ptr<Queue> queue;
  std::shared_ptr<Capture> capture;  ///< guarded by captures_mutex()

  [[nodiscard]] bool blocking() const { return (flags & cudaStreamNonBlocking) == 0; }
};
using StreamPtr = std::shared_ptr<Stream>;

/// Priorities as CUDA gives them: the least urgent and the most.
inline constexpr int priority_least = 0;
inline constexpr int priority_greatest = -5;

[[nodiscard]] HandleTable<cudaStream_t, Stream>& streams();

/// The device that this thread chose.
[[nodiscard]] int current_device();
void choose_device(int device);

/// The legacy default stream of the current device for a null handle; null for a handle that names no stream.
[[nodiscard]] StreamPtr find_stream(cudaStream_t handle);
[[nodiscard]] StreamPtr legacy_stream(int device);

/// Every stream of the device, the legacy one included.
[[nodiscard]] std::vector<StreamPtr> streams_of(int device);

/// What a stream is asked to do: at once, or as a node of the graph that it captures.
struct Work {
  cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
  Operation operation;
};

/// Adds the work to the stream, behind what the legacy default stream's rules put before it. `signal` may be
/// null.
[[nodiscard]] cudaError_t enqueue(const StreamPtr& stream, Work work, Signal* signal = nullptr);

/// Waits for all that was submitted to the stream so far.
void synchronise(const Stream& stream);

}  // namespace prophet::cuda_on_cpu
