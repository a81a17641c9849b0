#pragma once

#include <array>
#include <optional>
#include <vector>

#include "bench/analytic/analytic_cell.hpp"

/// How much what is not known well matters: one input moved at a time, the others as they are.
namespace prophet::analytic {

/// The inputs, with the values that each takes. Hit rates and exponents are those that the study announces
/// and does not sweep; its 15, 20 and 25 % of activations are factors around 1 here.
struct SensitivityInput {
  const char* name;
  std::array<double, 3> values;
};
inline constexpr std::array sensitivity_inputs = {
    SensitivityInput{"hit_rate", {0.90, 0.95, 0.994}},
    SensitivityInput{"dedup_exponent", {0.85, 0.90, 0.932}},
    SensitivityInput{"activation_factor", {0.75, 1.0, 1.25}},
    SensitivityInput{"link_factor", {0.5, 1.0, 2.0}},
};

/// Prophet's longest context and step with one input at one value; none where the catalogue does not say.
struct SensitivityPoint {
  double value = 0;
  std::optional<std::uint64_t> context_tokens_max;
  std::optional<std::uint64_t> overlapped_ns;
};

/// One input's points, and the largest over the smallest of each result: 1 where it does not matter. A
/// context swing is none where one of the values leaves no room for a token.
struct SensitivityAnswer {
  const char* input = "";
  std::array<SensitivityPoint, 3> points;
  std::optional<double> context_swing;
  std::optional<double> step_swing;
};

/// In the order of sensitivity_inputs. Where the hit rate is not the input that moves it is the options',
/// else the one of the popularity. REQUIRES: batch >= 1.
[[nodiscard]] std::vector<SensitivityAnswer> sensitivity(const AnalyticModel& model, const AnalyticGpu& gpu,
                                                         std::uint32_t batch, const CellOptions& options);

}  // namespace prophet::analytic
