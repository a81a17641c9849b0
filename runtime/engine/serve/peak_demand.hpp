#pragma once

#include <algorithm>
#include <cstdint>

namespace prophet {

/// The most pages that were wanted of late: a peak that is forgotten by halves, so that what a lull leaves
/// free is not given away just before it is wanted again.
class PeakDemand {
 public:
  /// `keep`: the share of a peak above what is wanted now that is left after a step, below 1.
  explicit PeakDemand(double keep) : keep_(keep) {}

  void note(std::uint64_t pages) noexcept {
    const auto now = static_cast<double>(pages);
    peak_ = std::max(now, now + (peak_ - now) * keep_);
  }
  [[nodiscard]] std::uint64_t pages() const noexcept { return static_cast<std::uint64_t>(peak_); }

 private:
  double keep_;
  double peak_ = 0;
};

}  // namespace prophet
