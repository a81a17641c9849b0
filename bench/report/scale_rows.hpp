#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/analytic/scaling.hpp"
#include "bench/analytic/selection.hpp"

namespace prophet {

/// A model and what each way of keeping its experts needs.
struct ModelScaling {
  std::shared_ptr<const analytic::CatalogueModel> model;
  std::vector<analytic::ScaleAnswer> answers;
};

/// What all models were asked.
struct ScaleAsked {
  analytic::Catalogue catalogue = analytic::Catalogue::real;
  analytic::AnalyticGpu gpu;
  analytic::ScaleQuestion question;
};

/// A row for each model and way, flat: every metric that docs/scale.md lists, in its order. What is not known
/// is null.
[[nodiscard]] nlohmann::ordered_json scale_rows(const ScaleAsked& asked,
                                                const std::vector<ModelScaling>& models);

/// A block for each model with a line for each way, and what was passed over or is not known; of several
/// models also how many GPUs each way needs, side by side. REQUIRES: a model.
[[nodiscard]] std::string scale_table(const ScaleAsked& asked, const std::vector<ModelScaling>& models);

}  // namespace prophet
