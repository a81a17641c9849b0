#include "bench/analytic/dedup_fit.hpp"

#include <algorithm>
#include <cmath>

#include "bench/analytic/dedup_expectation.hpp"

namespace prophet::analytic {
namespace {

double mean_log_unique(std::span<const UniqueAt> points) {
  double sum = 0;
  for (const UniqueAt& point : points) sum += std::log(point.unique);
  return sum / static_cast<double>(points.size());
}

double mean_log_batch(std::span<const UniqueAt> points) {
  double sum = 0;
  for (const UniqueAt& point : points) sum += std::log(point.batch);
  return sum / static_cast<double>(points.size());
}

}  // namespace

std::vector<UniqueAt> below_saturation(std::span<const UniqueAt> points, std::uint32_t experts,
                                       double saturation) {
  const auto saturated = std::find_if(points.begin(), points.end(), [&](const UniqueAt& point) {
    return point.unique > saturation * experts;
  });
  return {points.begin(), saturated};
}

double r_squared_of(std::span<const UniqueAt> points, double scale, double exponent) {
  const double mean = mean_log_unique(points);
  double residual = 0;
  double around_mean = 0;
  for (const UniqueAt& point : points) {
    const double value = std::log(point.unique);
    residual += std::pow(value - std::log(scale) - exponent * std::log(point.batch), 2);
    around_mean += std::pow(value - mean, 2);
  }
  if (around_mean == 0) return residual == 0 ? 1 : 0;
  return 1 - residual / around_mean;
}

PowerLaw fit_power_law(std::span<const UniqueAt> points) {
  const double mean_x = mean_log_batch(points);
  const double mean_y = mean_log_unique(points);
  double xx = 0;
  double xy = 0;
  for (const UniqueAt& point : points) {
    const double x = std::log(point.batch) - mean_x;
    xx += x * x;
    xy += x * (std::log(point.unique) - mean_y);
  }
  const double exponent = xy / xx;
  const double scale = std::exp(mean_y - exponent * mean_x);
  return {scale, exponent, r_squared_of(points, scale, exponent)};
}

PowerLaw fit_exponent(std::span<const UniqueAt> points, double scale) {
  double xx = 0;
  double xy = 0;
  for (const UniqueAt& point : points) {
    const double x = std::log(point.batch);
    xx += x * x;
    xy += x * std::log(point.unique / scale);
  }
  const double exponent = xy / xx;
  return {scale, exponent, r_squared_of(points, scale, exponent)};
}

Departure departure_of(std::span<const UniqueAt> points, std::uint32_t experts, const PowerLaw& law,
                       double tolerance) {
  Departure departure;
  for (const UniqueAt& point : points) {
    const double said = power_law_unique(experts, law.scale, law.exponent, point.batch);
    const double error = std::abs(said / point.unique - 1);
    if (error > tolerance && !departure.first_batch) departure.first_batch = point.batch;
    if (error <= departure.error_max) continue;
    departure.error_max = error;
    departure.error_max_batch = point.batch;
  }
  return departure;
}

double local_exponent(const UniqueAt& from, const UniqueAt& to) {
  return std::log(to.unique / from.unique) /
         std::log(static_cast<double>(to.batch) / static_cast<double>(from.batch));
}

}  // namespace prophet::analytic
