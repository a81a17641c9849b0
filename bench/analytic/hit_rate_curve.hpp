#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prophet::analytic {

/// The hit rate of a cache by the share of a model's experts that it holds, as a trace has it. Points are
/// sorted by share, which ends at 1; between two points the rate is on a straight line, and below the first
/// on one from 0.
class HitRateCurve {
 public:
  struct Point {
    double share = 0;  ///< of all experts, (0, 1]
    double hit_rate = 0;
  };

  /// REQUIRES: points with growing shares, the last at 1.
  explicit HitRateCurve(std::vector<Point> points) : points_(std::move(points)) {}

  /// REQUIRES: share in [0, 1].
  [[nodiscard]] double at(double share) const;

 private:
  std::vector<Point> points_;
};

/// The LRU rows of what `prophet curve --csv` writes, by the columns policy, slabs and hit_rate; its last
/// size is all of the model. Throws Error{bad_input} with file, line and field for text that is none.
[[nodiscard]] HitRateCurve parse_hit_rate_curve(std::string_view text, const std::string& where);

}  // namespace prophet::analytic
