#pragma once

#include <cstdint>
#include <span>

namespace prophet::analytic {

/// What the published study says of the fit behind its study_exponent: the 95 % confidence interval, and R2
/// (document 001, appendix on the fit).
namespace study_fit {
inline constexpr double exponent_low = 0.925;
inline constexpr double exponent_high = 0.939;
inline constexpr double r_squared = 0.987;
}  // namespace study_fit

/// min(experts, scale * batch^exponent). REQUIRES: batch of 1 or more.
[[nodiscard]] double power_law_unique(std::uint32_t experts, double scale, double exponent,
                                      std::uint32_t batch);

/// The sum over experts of 1 - (1 - popularity)^batch, for independent tokens that choose expert e with
/// probability popularity[e], [experts], each from 0 to 1 and together top_k.
[[nodiscard]] double popularity_unique(std::span<const double> popularity, std::uint32_t batch);

}  // namespace prophet::analytic
