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

/// What SlabWorth is asked about.
struct SlabQuestion {
  std::uint32_t expert_slabs = 0;
  std::uint32_t kv_slabs = 0;
  double requests_per_slab = 0;  ///< whose pages a slab of the KV cache holds
  std::uint32_t waiting = 0;     ///< requests that would run if there were pages
};

/// Estimates what the next slabs are worth on each side of the boundary, from the running miss-ratio curve
/// and from what has run of late; what has run is forgotten with a half-life of so many steps.
///   experts  the copies that decode and prefill passes of the present size would save, over the time
///   pages    with the requests of a few slabs more in it, a decode pass makes more tokens, and takes the
///            copies longer that they want: what a token takes less, times the share of the time in decode
///            passes. No more requests than wait for pages, and so nothing while nobody does. A slab less is
///            worth what a token would take longer without its requests. Preempted work comes on top: its
///            share of the time, a slab.
/// Both are asked of the same curve, corrected by how often decode passes have missed of late: what the past
/// says of other sizes, when load and boundary were different, is not asked. One thread, no allocation.
class SlabWorth {
 public:
  struct Options {
    double half_life_steps = 64;
    double copy_ns = 0;  ///< of one expert over the link
    /// Slabs over which a slope is taken.
    std::uint32_t span_slabs = 8;
    /// Steps that take longer on average are too long already: a larger batch is worth nothing. 0: none are.
    double step_ns_max = 0;
  };
  explicit SlabWorth(const Options& options);

  /// A decode pass of `batch` requests, which missed so many experts.
  void decoded(std::uint32_t batch, std::uint64_t missed, std::uint64_t ns) noexcept;
  /// A prefill pass of `tokens` tokens.
  void prefilled(std::uint32_t tokens, std::uint64_t ns) noexcept;
  /// A step has ended, and has generated tokens if it `decoded`. `lost_ns`: what will have to be computed
  /// again for lack of pages.
  void stepped(std::uint64_t lost_ns, std::uint64_t ns, bool decoded) noexcept;

  /// The curve has been updated.
  [[nodiscard]] SlabValues values(const RunningCurve& curve, const SlabQuestion& question) const noexcept;

 private:
  [[nodiscard]] double corrected(const RunningCurve& curve, std::uint32_t slabs) const noexcept;
  [[nodiscard]] double copies_ns(const RunningCurve& curve, std::uint32_t slabs,
                                 double correction) const noexcept;
  [[nodiscard]] double saved_by(const RunningCurve& curve, std::uint32_t slabs, double requests,
                                double correction) const noexcept;

  Options options_;
  double decay_;
  // Decayed sums.
  double decodes_ = 0;
  double decode_ns_ = 0;
  double batch_ = 0;
  double missed_ = 0;
  double prefills_ = 0;
  double prefill_ns_ = 0;
  double prefill_tokens_ = 0;
  double decoding_steps_ = 0;
  double decoding_steps_ns_ = 0;
  double lost_ns_ = 0;
};

}  // namespace prophet
