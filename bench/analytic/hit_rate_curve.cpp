#include "bench/analytic/hit_rate_curve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "prophet/error.hpp"

namespace prophet::analytic {
namespace {

using Cells = std::vector<std::string_view>;

Cells split(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  Cells cells;
  for (std::size_t begin = 0;;) {
    const std::size_t end = line.find(',', begin);
    cells.push_back(line.substr(begin, end - begin));
    if (end == std::string_view::npos) return cells;
    begin = end + 1;
  }
}

/// Takes one line from the front of `text`.
std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

[[noreturn]] void refuse(const std::string& where, std::size_t line, const std::string& sentence) {
  throw Error(ErrorCode::bad_input, fmt::format("'{}': line {}: {}", where, line, sentence));
}

std::size_t column(const Cells& header, std::string_view name, const std::string& where) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end())
    refuse(where, 1, fmt::format("no column '{}', expected what `prophet curve --csv` writes", name));
  return static_cast<std::size_t>(found - header.begin());
}

double number(std::string_view cell, std::string_view field, double most, const std::string& where,
              std::size_t line) {
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error == std::errc() && end == cell.data() + cell.size() && value >= 0 && value <= most) return value;
  refuse(where, line, fmt::format("{} '{}', expected a number from 0 to {}", field, cell, most));
}

/// More slabs than any model has experts.
constexpr double slabs_most = 1e9;

}  // namespace

double HitRateCurve::at(double share) const {
  const auto above = std::lower_bound(points_.begin(), points_.end(), share,
                                      [](const Point& point, double wanted) { return point.share < wanted; });
  if (above == points_.end()) return points_.back().hit_rate;
  const Point below = above == points_.begin() ? Point() : *(above - 1);
  const double part = (share - below.share) / (above->share - below.share);
  return below.hit_rate + part * (above->hit_rate - below.hit_rate);
}

HitRateCurve parse_hit_rate_curve(std::string_view text, const std::string& where) {
  const Cells header = split(next_line(text));
  const std::size_t policy = column(header, "policy", where);
  const std::size_t slabs = column(header, "slabs", where);
  const std::size_t hit_rate = column(header, "hit_rate", where);
  std::vector<HitRateCurve::Point> points;
  for (std::size_t line = 2; !text.empty(); ++line) {
    const Cells cells = split(next_line(text));
    if (cells.size() != header.size())
      refuse(where, line, fmt::format("{} fields, expected {}", cells.size(), header.size()));
    if (cells[policy] != "lru") continue;
    const double size = number(cells[slabs], "slabs", slabs_most, where, line);
    if (size <= (points.empty() ? 0 : points.back().share))
      refuse(where, line, fmt::format("slabs '{}', expected more than in the row above", cells[slabs]));
    points.push_back({size, number(cells[hit_rate], "hit_rate", 1, where, line)});
  }
  if (points.empty()) refuse(where, 2, "no row of policy 'lru', expected one for each cache size");
  const double all_slabs = points.back().share;
  for (HitRateCurve::Point& point : points) point.share /= all_slabs;
  return HitRateCurve(std::move(points));
}

}  // namespace prophet::analytic
