#pragma once

#include <cstdint>
#include <span>

#include "runtime/cache/expert_cache.hpp"
#include "runtime/transfer/transfer_queue.hpp"

namespace prophet {

/// Learns what became of each prefetch, books its bytes, and pauses prefetch when it does not pay: when, over
/// about the last 256 whose fate is known, fewer than `useful_min` were used. A pause lasts a while; then a
/// few dozen prefetches probe whether things have changed. One host thread; no allocation.
class PrefetchFates {
 public:
  PrefetchFates(TransferQueue& transfers, double useful_min) noexcept
      : transfers_(transfers), useful_min_(useful_min) {}

  /// A prefetched expert was leased for the first time.
  void used(bool late) noexcept {
    transfers_.book_useful(late);
    note(1.0);
  }

  /// Experts left the cache: cancels what is unfinished, prefetch or fill, and books what was wasted.
  void left(std::span<const Evicted> evicted) {
    for (const Evicted& e : evicted) {
      if (!e.unused_prefetch) {
        if (e.was_loading) transfers_.cancel_fill(e.ticket);
        continue;
      }
      if (e.was_loading) {
        transfers_.cancel(e.ticket);
      } else {
        transfers_.book_wasted();
      }
      note(0.0);
    }
  }

  /// Prefetches were dropped unfinished because their layer has run.
  void dropped(std::uint32_t count) noexcept {
    for (; count > 0; --count) note(0.0);
  }

  /// Asked once a layer: whether prefetch rests in this layer.
  bool resting() noexcept {
    if (rest_left_ == 0 && useful_share_ >= useful_min_) return false;
    if (rest_left_ == 0) rest_left_ = rest_layers;
    if (--rest_left_ == 0) useful_share_ = useful_min_ + probe_margin;
    ++rested_layers_;
    return true;
  }
  [[nodiscard]] std::uint64_t rested_layers() const noexcept { return rested_layers_; }

 private:
  static constexpr double fate_weight = 1.0 / 256;
  static constexpr std::uint32_t rest_layers = 2048;
  static constexpr double probe_margin = 0.1;

  void note(double useful) noexcept { useful_share_ += fate_weight * (useful - useful_share_); }

  TransferQueue& transfers_;
  double useful_min_;
  double useful_share_ = 1.0;
  std::uint32_t rest_left_ = 0;
  std::uint64_t rested_layers_ = 0;
};

}  // namespace prophet
