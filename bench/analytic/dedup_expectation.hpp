#pragma once

#include <cstdint>
#include <span>

namespace prophet::analytic {

/// The published study's law for the distinct experts of a layer that a batch of B tokens chooses,
/// k * B^exponent at most E, and what it says of the fit behind it: one exponent for every model, its 95 %
/// confidence interval, and R2 (its methodology and its appendix on the fit).
namespace study_law {
inline constexpr double exponent = 0.932;
inline constexpr double exponent_low = 0.925;
inline constexpr double exponent_high = 0.939;
inline constexpr double r_squared = 0.987;
}  // namespace study_law

/// min(experts, scale * batch^exponent). REQUIRES: batch of 1 or more.
[[nodiscard]] double power_law_unique(std::uint32_t experts, double scale, double exponent,
                                      std::uint32_t batch);

/// experts * (1 - (1 - top_k / experts)^batch): the exact expectation of distinct experts when each token
/// chooses top_k of them, all sets alike and tokens independently. An expert is one of a token's with
/// probability top_k / experts, whatever else the token chooses, and expectations add.
[[nodiscard]] double uniform_unique(std::uint32_t experts, std::uint32_t top_k, std::uint32_t batch);

/// The sum over experts of 1 - (1 - popularity)^batch, for independent tokens that choose expert e with
/// probability popularity[e], [experts], each from 0 to 1 and together top_k.
[[nodiscard]] double popularity_unique(std::span<const double> popularity, std::uint32_t batch);

}  // namespace prophet::analytic
