#pragma once

#include <cstdint>
#include <vector>

/// Hit rates from how unequal experts are, without a trace.
namespace prophet::analytic {

/// The probability that a step of `batch` tokens wants each expert of a layer, most popular first, [experts].
///
/// A token draws top_k distinct experts with weights rank^-zipf (Zipf's law; 0: all alike). Its chance to
/// want expert i is taken as 1 - exp(-theta * w_i), where theta makes them add up to top_k: the usual
/// approximation of drawing without replacement by independent arrivals. With exponent 0 it is exactly top_k
/// / experts, so that the sum over experts is unique_uniform(). Tokens are independent.
[[nodiscard]] std::vector<double> step_demand(std::uint32_t experts, std::uint32_t top_k, double batch,
                                              double zipf);

/// The sum: distinct experts that a step of one layer wants in the mean.
[[nodiscard]] double expected_unique(const std::vector<double>& demand);

/// Share of the wanted experts that an LRU cache of `slots` experts of a layer already holds, by Che's
/// approximation (Che, Tung, Wang 2002) over steps: an expert is there if one of the last T steps wanted it,
/// T being such that slots are filled, sum of 1 - (1 - q_i)^T = slots. 1 where everything wanted fits.
/// REQUIRES: slots > 0.
[[nodiscard]] double che_hit_rate(const std::vector<double>& demand, double slots);

/// Share of the wanted experts that are among the `slots` most popular ones; a part of one counts as a part.
[[nodiscard]] double static_hit_rate(const std::vector<double>& demand, double slots);

}  // namespace prophet::analytic
