#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "prophet/limits.hpp"

namespace prophet::sim {

/// A stream's place in the fixed table of streams, below limits::streams_max.
using StreamSlot = std::uint32_t;

/// One operation, as happens-before sees it: the n-th (from 1) of the stream in a slot. Packed into 64 bits,
/// because every unit of memory holds some; 0 is "none".
class Epoch {
 public:
  constexpr Epoch() = default;
  constexpr Epoch(StreamSlot slot, std::uint64_t number) : packed_(number * limits::streams_max + slot) {}

  [[nodiscard]] constexpr bool none() const noexcept { return packed_ == 0; }
  [[nodiscard]] constexpr StreamSlot slot() const noexcept {
    return static_cast<StreamSlot>(packed_ % limits::streams_max);
  }
  [[nodiscard]] constexpr std::uint64_t number() const noexcept { return packed_ / limits::streams_max; }

 private:
  std::uint64_t packed_ = 0;
};

/// For each stream slot, how many of its operations are known to come before. [streams_max]
struct VectorClock {
  std::array<std::uint64_t, limits::streams_max> seen{};

  void join(const VectorClock& other) noexcept {
    for (std::size_t slot = 0; slot < seen.size(); ++slot) {
      seen[slot] = std::max(seen[slot], other.seen[slot]);
    }
  }
  /// The operation comes before everything that has this clock; none always does.
  [[nodiscard]] bool covers(Epoch epoch) const noexcept { return seen[epoch.slot()] >= epoch.number(); }
};

}  // namespace prophet::sim
