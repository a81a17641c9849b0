#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/device/cuda/blas_handle.hpp"
#include "runtime/device/cuda/copy_batch.hpp"
#include "runtime/device/cuda/device_memory.hpp"
#include "runtime/device/cuda/gpu.hpp"
#include "runtime/device/cuda/host_calls.hpp"
#include "runtime/device/cuda/index_ring.hpp"
#include "runtime/device/cuda/operation_clock.hpp"
#include "runtime/device/cuda/status.hpp"
#include "runtime/device/device.hpp"

namespace prophet::cuda {

/// Owns one non-blocking stream of CUDA. Move-only.
class OwnedStream {
 public:
  OwnedStream(Status& status, int priority);
  OwnedStream(const OwnedStream&) = delete;
  OwnedStream& operator=(const OwnedStream&) = delete;
  ~OwnedStream();
  [[nodiscard]] cudaStream_t get() const noexcept { return stream_; }

 private:
  Status& status_;
  cudaStream_t stream_ = nullptr;
};

/// One stream of the seam with what only its operations use.
struct StreamState {
  StreamState(Status& status, const ClockOptions& clock_options, int priority, StreamId own_id,
              StreamRole own_role, std::uint32_t host_threads, const BlasOptions& blas_options);
  StreamState(const StreamState&) = delete;
  StreamState& operator=(const StreamState&) = delete;
  ~StreamState();

  Status& device_status;
  OwnedStream handle;
  StreamId id;
  StreamRole role;
  OperationClock clock;
  CopyBatch copies;
  Scratch scratch;
  IndexRing indices;
  BlasHandle blas;                        // of compute streams
  std::unique_ptr<HostCalls> host_calls;  // of host_compute streams; null: of others
  DeviceMemory checksum;                  // [1] uint64, made when a slab is first verified
  std::uint64_t layer = 0;                // of the latest dense operation, for NVTX

  [[nodiscard]] cudaStream_t get() const noexcept { return handle.get(); }
  /// Submits the copies that were kept back; before anything else is submitted to the stream.
  void submit_copies(Status& status);
};

/// The streams of the seam. Ids are not given out again.
/// Thread safety: none; belongs to the thread that calls the device.
class StreamTable {
 public:
  /// `host_threads` compute an expert of a host_compute stream together.
  StreamTable(Status& status, const StreamPriorities& priorities, const ClockOptions& clock_options,
              std::uint32_t host_threads, const BlasOptions& blas_options = {})
      : status_(status),
        priorities_(priorities),
        clock_options_(clock_options),
        host_threads_(host_threads),
        blas_options_(blas_options) {}

  /// Throws Error{usage} beyond limits::streams_max live streams.
  [[nodiscard]] StreamId create(StreamRole role);
  /// The caller has seen the stream's work finish. Unknown streams are ignored.
  void destroy(StreamId stream) noexcept;
  /// nullptr when there is no such stream.
  [[nodiscard]] StreamState* find(StreamId stream) noexcept;
  /// Throws Error{usage} for a stream that does not exist.
  [[nodiscard]] StreamState& operator[](StreamId stream);

  template <class Visit>
  void for_each(Visit visit) {
    for (const auto& state : streams_) {
      if (state != nullptr) visit(*state);
    }
  }

 private:
  Status& status_;
  StreamPriorities priorities_;
  const ClockOptions& clock_options_;
  std::uint32_t host_threads_;
  BlasOptions blas_options_;
  std::vector<std::unique_ptr<StreamState>> streams_;  // by StreamId; null: destroyed
};

}  // namespace prophet::cuda
