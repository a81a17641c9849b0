#pragma once

#include <cstdint>
#include <span>

#include "runtime/cache/expert_cache.hpp"
#include "runtime/transfer/transfer_queue.hpp"

namespace prophet {

/// Learns what became of each prefetch, books its bytes, and pauses prefetch when it does not pay: when, over
/// about the last 256 whose fate is known, fewer than `useful_min` were used, or when, over about the last
/// 1024 layers, starting the forecasts held up each layer by a microsecond more than the link's time that
/// prefetches which were used had hidden. A pause lasts a while; then a few dozen prefetches probe whether
/// things have changed, or as many layers as before. One host thread; no allocation.
class PrefetchFates {
 public:
  /// `link_bytes_per_s`: as measured; 0: it is not known, and what forecasts cost is not judged.
  PrefetchFates(TransferQueue& transfers, double useful_min, double link_bytes_per_s = 0) noexcept
      : transfers_(transfers),
        useful_min_(useful_min),
        link_ns_per_byte_(link_bytes_per_s > 0 ? 1e9 / link_bytes_per_s : 0) {}

  /// A prefetched expert was leased for the first time.
  void used(bool late) noexcept {
    transfers_.book_useful(late);
    note(1.0);
  }

  /// Of a prefetch that is used for the first time, so many bytes had been submitted before its layer asked.
  void hid(std::uint64_t bytes) noexcept { hidden_ns_ += link_ns_per_byte_ * static_cast<double>(bytes); }
  /// A layer's experts waited so long until its forecasts had been started. Once a layer that does not rest.
  void waited(std::uint64_t ns) noexcept {
    if (link_ns_per_byte_ == 0) return;
    net_ns_ += (hidden_ns_ - static_cast<double>(ns) - net_ns_) / layers_judged;
    hidden_ns_ = 0;
    ++layers_seen_;
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
    if (rest_left_ == 0 && !wasteful() && !costly()) return false;
    if (rest_left_ == 0) rest_left_ = costly() ? costly_rest_layers : rest_layers;
    if (--rest_left_ == 0) look_again();
    ++rested_layers_;
    return true;
  }
  [[nodiscard]] std::uint64_t rested_layers() const noexcept { return rested_layers_; }

 private:
  static constexpr double fate_weight = 1.0 / 256;
  static constexpr std::uint32_t rest_layers = 2048;
  static constexpr double probe_margin = 0.1;
  static constexpr std::uint32_t layers_judged = 1024;
  static constexpr std::uint32_t costly_rest_layers = 8 * layers_judged;
  /// What is over so soon is not worth a rest.
  static constexpr double loss_ns_min = 1000;

  [[nodiscard]] bool wasteful() const noexcept { return useful_share_ < useful_min_; }
  [[nodiscard]] bool costly() const noexcept {
    return layers_seen_ >= layers_judged && net_ns_ < -loss_ns_min;
  }
  void look_again() noexcept {
    if (wasteful()) useful_share_ = useful_min_ + probe_margin;
    layers_seen_ = 0;
    net_ns_ = hidden_ns_ = 0;
  }
  void note(double useful) noexcept { useful_share_ += fate_weight * (useful - useful_share_); }

  TransferQueue& transfers_;
  double useful_min_;
  double link_ns_per_byte_;
  double useful_share_ = 1.0;
  double hidden_ns_ = 0;  ///< since the last layer that waited
  double net_ns_ = 0;     ///< a layer: hidden less waited
  std::uint32_t layers_seen_ = 0;
  std::uint32_t rest_left_ = 0;
  std::uint64_t rested_layers_ = 0;
};

}  // namespace prophet
