#pragma once

#include <string>

#include "bench/tables/study_inputs.hpp"
#include "bench/tables/table.hpp"
#include "runtime/model/model_shape.hpp"

namespace prophet::tables {

/// The sizes of one model that document 003 is about. A layer's experts are all alike; what is shared is as
/// wide as the architecture has it.
struct ModelSizes {
  std::string label;
  double total_params_billions = 0;
  double layers = 0;  ///< with experts
  double hidden_size = 0;
  double experts = 0;  ///< routed ones of one layer; in the study's breakdown shared ones too
  double expert_width = 0;
  double expert_params_millions = 0;
  double expert_mb = 0;
  double summary_expert_mb = 0;
  double non_expert_params_billions = 0;
  double shared_gb = 0;  ///< of all layers
  double kept_experts = 0;
  double top_k = 0;
};

/// As document 003 has the model, or as the architecture is, in bf16.
[[nodiscard]] ModelSizes model_sizes(const study_inputs::CountedModel& model, Catalogue catalogue);

/// One routed expert in bf16.
[[nodiscard]] double expert_mb(const ModelShape& shape);

}  // namespace prophet::tables
