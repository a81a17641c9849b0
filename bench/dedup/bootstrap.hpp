#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "bench/dedup/sequence_rows.hpp"

namespace prophet {

struct Interval {
  double low = 0;
  double high = 0;
  [[nodiscard]] bool contains(double value) const noexcept { return low <= value && value <= high; }
};

/// Draws as many sequences as there are, with replacement, `resamples` times, and hands the mean of their
/// rows to `use`: sequences as a whole, because tokens of one sequence are alike. Equal seeds draw equally.
void for_each_resample(const SequenceRows& rows, std::uint32_t resamples, std::uint64_t seed,
                       const std::function<void(std::span<const double> mean)>& use);

/// The middle 95 % of `resampled` around their mean, shifted to lie around `estimate`: a resample holds some
/// sequences twice, which makes batches look more alike than they are, and the shift takes that out.
/// REQUIRES: resampled is not empty.
[[nodiscard]] Interval interval_around(double estimate, std::vector<double> resampled);

}  // namespace prophet
