#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "prophet/expert_grid.hpp"
#include "runtime/device/handles.hpp"

namespace prophet {

/// Writes one expert's bytes; called once per expert, in ascending order.
using ExpertFiller = std::function<void(ExpertIndex, std::span<std::byte>)>;

/// All experts in pinned host memory: one buffer, each expert one contiguous block of expert_bytes at the
/// arena's alignment, so that a miss is a single copy. Weights never change after construction: eviction
/// drops and never writes back. Owns its memory; the device must outlive it. Const access is thread-safe.
class HostStore {
 public:
  /// On a device without bytes only the addresses exist, and `fill` is not called.
  /// Throws Error{out_of_memory} when the host cannot hold grid.size() experts.
  HostStore(Device& device, ExpertGrid grid, std::uint64_t expert_bytes, const ExpertFiller& fill);

  [[nodiscard]] BufferView expert(ExpertIndex expert) const noexcept {
    return buffer_.view().slice(expert.value * stride_bytes_, expert_bytes_);
  }
  /// kernels::checksum of the expert's bytes; 0 where there are none.
  [[nodiscard]] std::uint64_t checksum(ExpertIndex expert) const noexcept {
    return checksums_[expert.index()];
  }
  [[nodiscard]] std::uint64_t expert_bytes() const noexcept { return expert_bytes_; }
  [[nodiscard]] std::uint64_t total_bytes() const noexcept { return buffer_.view().size_bytes; }

 private:
  std::uint64_t expert_bytes_;
  std::uint64_t stride_bytes_;
  Buffer buffer_;
  std::vector<std::uint64_t> checksums_;
};

/// Fills an expert with fp32 numbers, uniform in [-scale, scale], that depend on `seed` and the expert alone.
[[nodiscard]] ExpertFiller random_weights(std::uint64_t seed, float scale);

}  // namespace prophet
