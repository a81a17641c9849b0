#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench/analytic/recommendation.hpp"

namespace prophet {

/// A row for each way, in the order of analytic::ways, flat. What is not modelled is null.
[[nodiscard]] nlohmann::ordered_json recommend_rows(const analytic::Recommendation& result);

/// A line for each way, and the reason.
[[nodiscard]] std::string recommend_table(const analytic::AnalyticModel& model,
                                          const analytic::AnalyticGpu& gpu,
                                          const analytic::RecommendQuestion& question,
                                          const analytic::Recommendation& result);

/// One sentence: what to do, and the numbers that decide.
[[nodiscard]] std::string recommend_reason(const analytic::AnalyticGpu& gpu,
                                           const analytic::RecommendQuestion& question,
                                           const analytic::Recommendation& result);

}  // namespace prophet
