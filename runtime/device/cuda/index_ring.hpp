#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstdint>
#include <span>

#include "runtime/device/cuda/device_memory.hpp"
#include "runtime/device/cuda/event_table.hpp"
#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

/// Carries the rows and slots of one stream's operations to the device: copied here at submission, into
/// pinned memory, and on to device memory in stream order just before the kernel that reads them. A kernel
/// that read them over the link itself would do so once a block.
///
/// Invariant: a segment is written again only when the device has passed everything that was submitted while
/// it was the current one, which an event recorded on leaving it says.
class IndexRing {
 public:
  static constexpr std::uint64_t segment_bytes_at_first = 64ULL << 10;
  static constexpr std::size_t segments = 4;

  IndexRing(Status& status, cudaStream_t stream) : status_(status), stream_(stream) {}

  /// Where the device will find `values` ([values.size()], aligned to 16 bytes) for what is submitted to the
  /// stream next. Waits for the device only when it is a whole ring behind, which an engine that synchronises
  /// once a layer never is, or when one operation has more indices than ever before.
  [[nodiscard]] const std::uint32_t* upload(std::span<const std::uint32_t> values);

 private:
  void enter_next_segment();
  void grow(std::uint64_t bytes);

  Status& status_;
  cudaStream_t stream_;
  MappedMemory host_;
  DeviceMemory device_;
  std::array<OwnedEvent, segments> left_;
  std::uint64_t segment_bytes_ = 0;
  std::size_t segment_ = 0;
  std::uint64_t used_bytes_ = 0;  // of the current segment
};

}  // namespace prophet::cuda
