#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/engine/measure_chunks.hpp"
#include "runtime/engine/prefetch_plan.hpp"

namespace prophet {

/// Learns, layer by layer, how much time the link has left for prefetches: decayed means over about the last
/// 64 layers of decode steps. One host thread; no allocation.
class LinkWatch {
 public:
  /// `bytes_per_s` of the link, as measured on copies whose size hides what each costs besides; not 0. What a
  /// chunk costs, latency and the host's part included, is `chunk`; zeros: no more than its bytes.
  LinkWatch(double bytes_per_s, std::uint64_t expert_bytes, std::uint64_t chunk_bytes,
            const ChunkCost& chunk = {}) noexcept
      : ns_per_byte_(1e9 / bytes_per_s) {
    const double of_chunk = static_cast<double>(std::min(chunk_bytes, expert_bytes));
    outlook_.expert_ns = ns_per_byte_ * static_cast<double>(expert_bytes);
    outlook_.chunk_ns = ns_per_byte_ * of_chunk;
    outlook_.slowdown = std::max(1.0, chunk.period_ns / outlook_.chunk_ns);
    // The host sees a router late that is done while it deals with a chunk, and asks for those that ended
    // since.
    const double busy = chunk.period_ns > 0 ? std::min(1.0, chunk.host_ns / chunk.period_ns) : 0;
    outlook_.held_up_ns = chunk.host_ns * (1 + busy);
    outlook_.start_ns = chunk.host_ns;
  }

  /// A layer has run. `now_ns`: the device's clock; `demand_bytes`: copied so far for layers that waited.
  void layer_done(std::uint64_t now_ns, std::uint64_t demand_bytes) noexcept {
    if (last_ns_ != 0) {
      const double copying_ns = ns_per_byte_ * static_cast<double>(demand_bytes - last_demand_bytes_);
      const double idle_ns = static_cast<double>(now_ns - last_ns_) - copying_ns;
      note(outlook_.idle_ns, idle_ns > 0 ? idle_ns : 0);
      note(outlook_.demand_share, demand_bytes > last_demand_bytes_ ? 1 : 0);
    }
    last_ns_ = now_ns;
    last_demand_bytes_ = demand_bytes;
  }
  /// What ran since the last call was no layer of a decode step.
  void interrupted() noexcept { last_ns_ = 0; }

  [[nodiscard]] const LinkOutlook& outlook() const noexcept { return outlook_; }

 private:
  static constexpr double weight = 1.0 / 64;
  static void note(double& mean, double value) noexcept { mean += weight * (value - mean); }

  double ns_per_byte_;
  LinkOutlook outlook_;
  std::uint64_t last_ns_ = 0;  ///< 0: none
  std::uint64_t last_demand_bytes_ = 0;
};

}  // namespace prophet
