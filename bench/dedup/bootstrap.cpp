#include "bench/dedup/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/base/random.hpp"

namespace prophet {
namespace {

constexpr double confidence = 0.95;

/// Between the two values next to the place, in proportion.
double quantile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - std::floor(place));
}

/// How often each of `count` is drawn in `count` draws.
void draw_again(std::vector<std::uint32_t>& times, Random& random) {
  std::fill(times.begin(), times.end(), 0);
  for (std::size_t draw = 0; draw < times.size(); ++draw) ++times[random.below(times.size())];
}

void mean_of_drawn(const SequenceRows& rows, std::span<const std::uint32_t> times, std::span<double> mean) {
  std::fill(mean.begin(), mean.end(), 0.0);
  for (std::size_t s = 0; s < times.size(); ++s) {
    if (times[s] == 0) continue;
    const double weight = static_cast<double>(times[s]) / static_cast<double>(times.size());
    const std::span<const double> row = rows.row(s);
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += weight * row[i];
  }
}

}  // namespace

void for_each_resample(const SequenceRows& rows, std::uint32_t resamples, std::uint64_t seed,
                       const std::function<void(std::span<const double> mean)>& use) {
  Random random(seed);
  std::vector<std::uint32_t> times(rows.count());
  std::vector<double> mean(rows.width());
  for (std::uint32_t resample = 0; resample < resamples; ++resample) {
    draw_again(times, random);
    mean_of_drawn(rows, times, mean);
    use(mean);
  }
}

Interval interval_around(double estimate, std::vector<double> resampled) {
  const double mean =
      std::accumulate(resampled.begin(), resampled.end(), 0.0) / static_cast<double>(resampled.size());
  std::sort(resampled.begin(), resampled.end());
  const double shift = estimate - mean;
  return {quantile(resampled, (1 - confidence) / 2) + shift,
          quantile(resampled, (1 + confidence) / 2) + shift};
}

}  // namespace prophet
