#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/analytic/sensitivity.hpp"

namespace prophet {

/// What moving each input does to one model.
struct ModelSensitivity {
  std::string model;
  std::vector<analytic::SensitivityAnswer> answers;
};

/// A row for each model and input, flat: the three values and results, and both swings. Unknown is null.
[[nodiscard]] nlohmann::ordered_json sensitivity_rows(const std::vector<ModelSensitivity>& models);

/// The same as a table, with the input that matters most to context and to step of each model.
[[nodiscard]] std::string sensitivity_table(const std::vector<ModelSensitivity>& models);

}  // namespace prophet
