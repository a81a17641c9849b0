#include "runtime/device/cuda/index_ring.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace prophet::cuda {
namespace {

constexpr const char* where = "indices of an operation";
constexpr std::uint64_t alignment_bytes = 16;

}  // namespace

const std::uint32_t* IndexRing::upload(std::span<const std::uint32_t> values) {
  const std::uint64_t bytes = (values.size_bytes() + alignment_bytes - 1) / alignment_bytes * alignment_bytes;
  if (bytes > segment_bytes_) grow(bytes);
  if (bytes > segment_bytes_ - used_bytes_) enter_next_segment();
  const std::uint64_t at = segment_ * segment_bytes_ + used_bytes_;
  std::memcpy(host_.data() + at, values.data(), values.size_bytes());
  status_.check(cudaMemcpyAsync(device_.data() + at, host_.data() + at, values.size_bytes(),
                                cudaMemcpyHostToDevice, stream_),
                "cudaMemcpyAsync", where);
  used_bytes_ += bytes;
  return reinterpret_cast<const std::uint32_t*>(device_.data() + at);
}

void IndexRing::enter_next_segment() {
  status_.check(cudaEventRecord(left_[segment_].get(), stream_), "cudaEventRecord", where);
  const std::size_t next = (segment_ + 1) % segments;
  status_.check(cudaEventSynchronize(left_[next].get()), "cudaEventSynchronize", where);
  segment_ = next;
  used_bytes_ = 0;
}

void IndexRing::grow(std::uint64_t bytes) {
  std::uint64_t segment_bytes = std::max(segment_bytes_at_first, segment_bytes_);
  while (segment_bytes < bytes) segment_bytes *= 2;
  std::array<OwnedEvent, segments> events;
  for (OwnedEvent& event : events) event = OwnedEvent(status_, cudaEventDisableTiming);
  MappedMemory host(segments * segment_bytes, status_, where);
  DeviceMemory device(segments * segment_bytes, status_, where);
  // A copy into the ring that fails leaves what was there: better an old index than none.
  status_.check(cudaMemsetAsync(device.data(), 0, device.size_bytes(), stream_), "cudaMemsetAsync", where);
  status_.check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize", where);  // readers of the old ring
  host_ = std::move(host);
  device_ = std::move(device);
  left_ = std::move(events);
  segment_bytes_ = segment_bytes;
  segment_ = 0;
  used_bytes_ = 0;
}

}  // namespace prophet::cuda
