#pragma once

#include <cstdint>

#include "runtime/cache/running_curve.hpp"

namespace prophet {

/// What one slab more or less is worth, as a share of the time: seconds saved a second.
struct SlabValues {
  double expert_gain = 0;
  double expert_loss = 0;
  double kv_gain = 0;
  double kv_loss = 0;
};

/// Estimates what the next slab is worth on each side of the boundary from what has run of late; everything
/// is forgotten with a half-life of so many steps.
///   experts  the slope of the running miss-ratio curve: requests of a pass that a slab would meet, times the
///            time of a copy, over the time of a pass
///   pages    while requests wait for pages: with the tokens of a slab so many more could run; decode steps
///            with a larger batch take longer, but less a token. The share of the time in decode steps, times
///            the requests a slab holds, times (1 / batch - the growth of a step's time with one more
///            request, over that time). The growth is the slope of a running regression, drawn towards half
///            of the mean. Preempted work comes on top: its share of the time, a slab. While nobody waits,
///            nothing.
/// One thread, no allocation.
class SlabWorth {
 public:
  struct Options {
    double half_life_steps = 512;
    double copy_ns = 0;  ///< of one expert over the link
    /// Slabs over which a slope is taken.
    std::uint32_t span_slabs = 8;
    /// Steps that take longer on average are too long already: a larger batch is worth nothing. 0: none are.
    double step_ns_max = 0;
  };
  explicit SlabWorth(const Options& options);

  /// A decode pass of `batch` requests with `context_tokens` in all.
  void decoded(std::uint32_t batch, std::uint64_t context_tokens, std::uint64_t ns) noexcept;
  void prefilled(std::uint64_t ns) noexcept;
  /// A step has ended, and has generated tokens if it `decoded`. `waits_for_pages`: the head of the queue
  /// could have begun with more pages. `lost_ns`: what will have to be computed again for lack of pages.
  void stepped(bool waits_for_pages, std::uint64_t lost_ns, std::uint64_t ns, bool decoded) noexcept;

  /// `tokens_per_slab`: of the KV cache. The curve has been updated.
  [[nodiscard]] SlabValues values(const RunningCurve& curve, std::uint32_t expert_slabs,
                                  std::uint32_t kv_slabs, double tokens_per_slab) const noexcept;

 private:
  [[nodiscard]] double step_growth() const noexcept;
  [[nodiscard]] double kv_worth(std::uint32_t kv_slabs, double tokens_per_slab) const noexcept;

  Options options_;
  double decay_;
  // Decayed sums.
  double passes_ = 0;
  double pass_ns_ = 0;
  double decodes_ = 0;
  double decode_ns_ = 0;
  double batch_ = 0;
  double batch_squared_ = 0;
  double batch_ns_ = 0;
  double context_tokens_ = 0;
  double steps_ = 0;
  double decoding_steps_ = 0;
  double decoding_steps_ns_ = 0;
  double waiting_steps_ = 0;
  double lost_ns_ = 0;
};

}  // namespace prophet
