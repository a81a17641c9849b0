#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prophet/ids.hpp"

namespace prophet {

/// What a copy into the cache meets, in the mean of the layers before.
struct LinkOutlook {
  double expert_ns = 0;     ///< the link is busy with one expert
  double chunk_ns = 0;      ///< and with one chunk, which nothing interrupts
  double idle_ns = 0;       ///< of a layer: no expert that it waits for is on the link
  double demand_share = 0;  ///< of layers: they wait for an expert
  double slowdown = 1;      ///< an expert in chunks takes so many times as long as in one copy; at least 1
  double held_up_ns = 0;    ///< a layer is, by a host that has chunks to deal with
  double start_ns = 0;      ///< until the first chunk is handed over
};

/// An expert that a coming layer may want and that is not here.
struct PrefetchOffer {
  ExpertIndex expert;
  LayerId target;
  std::uint32_t ahead = 1;  ///< layers from the one that has just run to `target`
  float probability = 0;
  double gain_ns = 0;  ///< what PrefetchPlan expects of it
};

/// Chooses which experts are worth a copy before they are asked for, and in which order.
///
/// A prefetch begins when the link has nothing better to do and ends where its layer asks: of an expert with
/// chance p, what the link does of it until then, h <= expert_ns, is stall saved if it is wanted. If not, a
/// demand copy may have waited for half a chunk, the bytes have their price, and the expert that left for it
/// is missed with the chance v that it would have been used:
///
///   gain = p * h - (1 - p) * (demand_share * chunk_ns / 2 + wasted_price * h + v * expert_ns)
///
/// In chunks an expert takes `slowdown` times as long and begins start_ns later, so that as much less of it
/// is done by then; and the first that is planned has to make up for what the host's dealing with chunks
/// holds a layer up.
///
/// Only what gains is kept: the nearest layer first, for which the link has the least time, then the most
/// probable. It is made layer by layer, so that no forecast is asked for of a layer that the link has no time
/// for. No allocation after construction.
class PrefetchPlan {
 public:
  /// `offers_max` at once; `wasted_price`: of a wasted byte, in bytes of stall.
  PrefetchPlan(std::uint32_t offers_max, double wasted_price);

  void clear() noexcept {
    offers_.clear();
    settled_ = next_ = 0;
  }
  /// Begins another plan. `victim_chance`: v.
  void begin(const LinkOutlook& link, double victim_chance) noexcept;
  /// Whether the link has time for one expert more until the layer `ahead` of the one that has run asks.
  [[nodiscard]] bool has_time(std::uint32_t ahead) const noexcept { return ahead * link_.idle_ns > busy_ns_; }
  /// Below this chance no expert of that layer pays any more.
  [[nodiscard]] double chance_min(std::uint32_t ahead) const noexcept;
  /// REQUIRES: fewer than offers_max since begin(), and none for a nearer layer than that of an earlier one.
  void offer(const PrefetchOffer& offer) { offers_.push_back(offer); }
  /// Of the offers since the last call, all for one layer: drops what does not pay and orders the rest, of
  /// which `width` at most, behind what is planned. O(n log n) of them.
  void settle(std::size_t width);

  /// What is left, the first to go in front.
  [[nodiscard]] std::span<const PrefetchOffer> rest() const noexcept {
    return std::span(offers_).subspan(next_);
  }
  /// The first of rest() has been dealt with.
  void pass() noexcept { ++next_; }

 private:
  [[nodiscard]] double hidden_ns(std::uint32_t ahead) const noexcept;
  [[nodiscard]] double loss_ns(double hidden_ns) const noexcept;
  [[nodiscard]] double held_up_ns() const noexcept { return settled_ == 0 ? link_.held_up_ns : 0; }

  std::vector<PrefetchOffer> offers_;
  std::size_t settled_ = 0;  ///< of offers_
  std::size_t next_ = 0;
  LinkOutlook link_;
  double victim_chance_ = 0;
  double busy_ns_ = 0;  ///< until the link has done what is settled
  double wasted_price_;
};

}  // namespace prophet
