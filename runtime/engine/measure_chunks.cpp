#include "runtime/engine/measure_chunks.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "runtime/device/handles.hpp"

namespace prophet {
namespace {

constexpr std::size_t runs = 5;
constexpr std::uint32_t chunks_a_run = 16;

/// Copies one chunk after another as a TransferQueue does whose host has nothing else to do.
class ChunkPump {
 public:
  ChunkPump(Device& device, std::uint64_t chunk_bytes, std::uint32_t in_flight)
      : device_(device),
        source_(device, MemoryKind::host_pinned, chunk_bytes),
        destination_(device, MemoryKind::device, chunk_bytes),
        stream_(device, StreamRole::prefetch_copy) {
    for (std::uint32_t c = 0; c < in_flight; ++c) done_.emplace_back(device);
  }

  ChunkCost run() {
    for (std::uint32_t c = 0; c < done_.size(); ++c) submit(c);
    const std::uint64_t begin_ns = device_.now_ns();
    std::uint64_t host_ns = 0;
    for (std::uint32_t c = 0; c < chunks_a_run; ++c) {
      const std::array awaited{done_[c % done_.size()].id()};
      (void)device_.wait_any(awaited);
      const std::uint64_t seen_ns = device_.now_ns();
      (void)device_.done(awaited.front());
      submit(c);
      (void)device_.done(done_[(c + 1) % done_.size()].id());
      host_ns += device_.now_ns() - seen_ns;
    }
    const std::uint64_t took_ns = device_.now_ns() - begin_ns;
    device_.synchronize();
    return {static_cast<double>(took_ns) / chunks_a_run, static_cast<double>(host_ns) / chunks_a_run};
  }

 private:
  void submit(std::uint32_t chunk) {
    device_.copy(stream_.id(), destination_.view(), source_.view(), 0);
    device_.record(stream_.id(), done_[chunk % done_.size()].id());
  }

  Device& device_;
  Buffer source_;
  Buffer destination_;
  Stream stream_;
  std::vector<Event> done_;
};

double median(std::array<double, runs> values) {
  std::nth_element(values.begin(), values.begin() + runs / 2, values.end());
  return values[runs / 2];
}

}  // namespace

ChunkCost measure_chunk_cost(Device& device, std::uint64_t chunk_bytes, std::uint32_t in_flight) {
  ChunkPump pump(device, chunk_bytes, std::max(1U, in_flight));
  std::array<double, runs> periods{};
  std::array<double, runs> host{};
  for (std::size_t r = 0; r < runs; ++r) {
    const ChunkCost cost = pump.run();
    periods[r] = cost.period_ns;
    host[r] = cost.host_ns;
  }
  return {median(periods), median(host)};
}

}  // namespace prophet
