#pragma once

#include <cstdint>
#include <vector>

#include "prophet/ids.hpp"

namespace prophet {

/// Learns from a run itself what it gains to bring an expert onto the device: how many requests more find
/// what they want there, for each expert brought. Those are the uses of the newcomer less the requests for
/// the one that had to leave for it, counted for the steps after it came, as long as it stays and the other
/// is away. A mean over about the last few hundred newcomers; before there are any, one use is assumed.
///
/// Integers and two sums: no device, no time. O(1) a call; no allocation after construction. One thread.
class ResidencyGain {
 public:
  explicit ResidencyGain(std::uint32_t experts);

  /// A layer begins: who leaves from now on leaves for its newcomers.
  void begin_layer() noexcept {
    left_.clear();
    next_left_ = 0;
  }
  /// A request of step `step` for an expert that is `here`, on the device, or not.
  void wanted(ExpertIndex expert, bool here, std::uint64_t step) noexcept;
  /// An expert has left the device.
  void left(ExpertIndex expert) noexcept;
  /// An expert has been brought in the layer that runs; what left in it, left for its newcomers, in order.
  void came(ExpertIndex expert, std::uint64_t step) noexcept;

  /// Requests a newcomer; may be negative.
  [[nodiscard]] double uses() const noexcept { return uses_ / newcomers_; }

 private:
  /// Later uses are no longer the newcomer's merit: by then the cache would have changed anyway.
  static constexpr std::uint64_t steps_counted = 64;
  static constexpr double weight = 1.0 / 256;
  static constexpr double assumed_newcomers = 64;

  enum class Part : std::uint8_t { none, newcomer, replaced };
  struct Expert {
    Part part = Part::none;
    ExpertIndex other;        ///< of a pair
    std::uint64_t since = 0;  ///< step
  };

  void part(ExpertIndex expert) noexcept;

  std::vector<Expert> experts_;    ///< [experts of all layers]
  std::vector<ExpertIndex> left_;  ///< in the layer that runs; bounded, what is beyond goes unpaired
  std::size_t next_left_ = 0;
  double uses_ = assumed_newcomers;
  double newcomers_ = assumed_newcomers;
};

}  // namespace prophet
