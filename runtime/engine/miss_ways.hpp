#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/engine/miss_way.hpp"

namespace prophet {

/// What the ways of a miss cost on a machine, each with the machine to itself unless it says otherwise.
struct MissCosts {
  double copy_ns = 0;          ///< one expert over the link
  double link_ns = 0;          ///< of that, what its bytes take: what a bound may count
  double resident_ns = 0;      ///< one expert of one row computed from a slab
  double resident_all_ns = 0;  ///< the same of all rows of a step
  double in_place_ns = 0;      ///< one expert computed with weights read over the link
  double host_ns = 0;          ///< one expert of one row on the host's cores
  double host_row_ns = 0;      ///< each further row
  double activations_ns = 0;   ///< a row to the host and a result back
  double copy_slowdown = 1;    ///< of a copy while the host's cores compute: they share the host's memory
  double host_slowdown = 1;    ///< of the host's cores while the link carries weights

  [[nodiscard]] double on_host_ns(std::uint32_t rows) const noexcept {
    return host_ns + host_row_ns * (rows > 1 ? rows - 1 : 0);
  }
};

/// The misses of one layer and what else the layer has to wait for.
struct LayerMisses {
  std::span<const std::uint32_t> rows;  ///< [misses] tokens that want each; not 0
  double link_busy_ns = 0;              ///< what the link still has to carry before it takes a copy for them
  std::uint32_t on_device = 0;          ///< experts of the layer that need none of the ways
  double copy_worth_ns = 0;  ///< what it saves later steps that one of them has been copied; may be negative
};

/// When a layer would have all its experts' outputs, as predicted: link and host work at once, each slower
/// while the other does, and the accelerator computes what is resident, what has come and what it reads in
/// place.
[[nodiscard]] double predict_layer_ns(const MissCosts& costs, const LayerMisses& misses,
                                      std::span<const MissWay> ways) noexcept;

/// Chooses for each miss of a layer the way with which the layer is predicted to finish first, where each
/// copy counts as earlier by what it is worth: what has been copied is there the next time.
///
/// The misses that the host is quickest with (the fewest rows) go there first: the misses are sorted once,
/// and each split of that order into a head for the host and a tail for the link is predicted; how many of
/// the tail are read in place is searched for by thirds, since more of them is better only up to some number.
/// Of equal predictions the one with more copies is taken.
///
/// O(misses log misses); no allocation after construction; deterministic. One thread.
class MissWays {
 public:
  explicit MissWays(std::uint32_t experts_max);

  /// [misses], valid until the next call. REQUIRES: at most experts_max misses.
  [[nodiscard]] std::span<const MissWay> choose(const MissCosts& costs, const LayerMisses& misses);

 private:
  std::vector<std::uint32_t> order_;
  std::vector<MissWay> ways_;
};

}  // namespace prophet
