#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace prophet::analytic {

/// Distinct experts of a layer at one batch size.
struct UniqueAt {
  std::uint32_t batch = 0;
  double unique = 0;  ///< above 0
};

/// unique = scale * batch^exponent, fitted by least squares of log unique over log batch.
struct PowerLaw {
  double scale = 0;
  double exponent = 0;
  /// 1 - (squared residuals) / (squares around the mean), both of log unique. 1 when all points are alike
  /// and hit; below 0 when the law is worse than their mean.
  double r_squared = 0;
};

/// The points, in the order of batches, before the first with more unique experts than `saturation` x
/// experts.
[[nodiscard]] std::vector<UniqueAt> below_saturation(std::span<const UniqueAt> points, std::uint32_t experts,
                                                     double saturation);

/// Scale and exponent free. REQUIRES: two different batches.
[[nodiscard]] PowerLaw fit_power_law(std::span<const UniqueAt> points);

/// The scale given, as the study has it with scale = top_k: the line through log scale at batch 1.
/// REQUIRES: a batch above 1.
[[nodiscard]] PowerLaw fit_exponent(std::span<const UniqueAt> points, double scale);

/// R2 of a law that was not fitted to these points.
[[nodiscard]] double r_squared_of(std::span<const UniqueAt> points, double scale, double exponent);

/// Where a law and what was counted part.
struct Departure {
  std::optional<std::uint32_t> first_batch;  ///< smallest batch at which it is off by more; none: at no batch
  double error_max = 0;                      ///< the largest |law / unique - 1|
  std::uint32_t error_max_batch = 0;
};

/// Of min(experts, law) over all points, which are in the order of batches, the saturated ones among them.
[[nodiscard]] Departure departure_of(std::span<const UniqueAt> points, std::uint32_t experts,
                                     const PowerLaw& law, double tolerance);

/// log(unique ratio) / log(batch ratio) of two points: the exponent that holds between them, and a constant
/// where a power law holds.
[[nodiscard]] double local_exponent(const UniqueAt& from, const UniqueAt& to);

}  // namespace prophet::analytic
