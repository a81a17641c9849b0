#include "bench/ledger/study_quantities.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bench/analytic/study/configurations.hpp"
#include "bench/analytic/study/study_reading.hpp"
#include "bench/ledger/expert_quantities.hpp"
#include "prophet/error.hpp"

namespace prophet::ledger {
namespace {

using analytic::StudyFigure;
using analytic::StudyModel;
using analytic::StudyReading;

double known(const std::optional<double>& value, std::string_view name) {
  if (!value) throw NoValue(fmt::format("{} is printed nowhere", name));
  return *value;
}

struct NamedFigure {
  std::string_view name;
  StudyFigure StudyModel::*figure;
};
constexpr std::array figures = {
    NamedFigure{"layers", &StudyModel::layers},
    NamedFigure{"moe_layers", &StudyModel::layers},
    NamedFigure{"hidden", &StudyModel::hidden_size},
    NamedFigure{"expert_mb", &StudyModel::expert_mb},
    NamedFigure{"total_b", &StudyModel::total_params_billions},
    NamedFigure{"active_b", &StudyModel::active_params_billions},
    NamedFigure{"native_context", &StudyModel::context_tokens},
    NamedFigure{"non_expert_gb", &StudyModel::non_expert_gb},
    NamedFigure{"activation_gb", &StudyModel::activation_gb},
};

struct NamedReading {
  std::string_view name;
  std::optional<double> StudyReading::*value;
  bool of_gpu;
};
constexpr std::array readings = {
    NamedReading{"expert_gb", &StudyReading::expert_buffer_gb, false},
    NamedReading{"kept_gb", &StudyReading::prophet_expert_gb, false},
    NamedReading{"baseline_tokens", &StudyReading::baseline_tokens, true},
    NamedReading{"prophet_tokens", &StudyReading::prophet_tokens, true},
    NamedReading{"extra_tokens", &StudyReading::extra_tokens, false},
    NamedReading{"extension", &StudyReading::extension, true},
};

template <typename Named, std::size_t count>
const Named* find(const std::array<Named, count>& all, std::string_view name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Named& named) { return named.name == name; });
  return found == all.end() ? nullptr : &*found;
}

double gpu_gb(const std::string& gpu) {
  const auto found = std::find(study_gpus.begin(), study_gpus.end(), gpu);
  if (found == study_gpus.end()) throw NoValue(fmt::format("{} is none of the study's GPUs", gpu));
  return study_gpu_gb[static_cast<std::size_t>(found - study_gpus.begin())];
}

/// What is the same at every batch, where a row names none.
constexpr std::uint32_t any_batch = 1;

double reading_value(const NamedReading& reading, const StudyModel& model, const Place& place) {
  const bool of_batch = reading.name != "expert_gb";
  const std::uint32_t batch = of_batch ? batch_of(place) : any_batch;
  const double gb = reading.of_gpu ? gpu_gb(gpu_of(place)) : study_gpu_gb.front();
  return known(as_study_computed(model, gb, batch).*reading.value, reading.name);
}

class StudyQuantities final : public Quantities {
 public:
  double value(std::string_view name, const Place& place) override {
    if (name == "gpu_gb") return gpu_gb(gpu_of(place));
    if (place.model.empty()) throw NoValue("no model");
    const StudyModel& model = analytic::find_study_model(place.model);
    if (name == "experts") return model.experts;
    if (name == "top_k") return model.top_k;
    if (name == "expert_params_m") return known(model.expert_mb.value, "expert_mb") / 2;
    if (name == "kv_token_bytes")
      return 2 * 2 * known(model.layers.value, "layers") * known(model.hidden_size.value, "hidden");
    if (const auto* figure = find(figures, name)) return known((model.*figure->figure).value, name);
    if (const auto* reading = find(readings, name)) return reading_value(*reading, model, place);
    if (const auto of_experts = expert_quantity(name, model.experts, model.top_k, place)) return *of_experts;
    throw Error(ErrorCode::bad_input, fmt::format("'{}' is no quantity of the study's catalogue", name));
  }
  bool depends_on_gpu(std::string_view name) const override {
    const auto* reading = find(readings, name);
    return reading != nullptr && reading->of_gpu;
  }
};

}  // namespace

std::unique_ptr<Quantities> make_study_quantities() {
  return std::make_unique<StudyQuantities>();
}

}  // namespace prophet::ledger
