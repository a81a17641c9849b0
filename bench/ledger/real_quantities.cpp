#include "bench/ledger/real_quantities.hpp"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <map>

#include "bench/analytic/kv_arithmetic.hpp"
#include "bench/analytic/memory_parts.hpp"
#include "bench/analytic/selection.hpp"
#include "bench/ledger/expert_quantities.hpp"
#include "prophet/error.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"
#include "runtime/model/names.hpp"

namespace prophet::ledger {
namespace {

using analytic::Approach;

constexpr double gigabyte = 1e9;
constexpr double megabyte = 1e6;
constexpr double billion = 1e9;
constexpr double million = 1e6;
constexpr double bf16_bytes = 2;

struct RealModel {
  ModelShape shape;
  analytic::AnalyticModel model;
};

double expert_params_of(const ModelShape& shape) {
  return static_cast<double>(expert_params(shape));
}

/// Of the runtime's catalogue, which the study's labels lead to.
std::string name_in_runtime(std::string_view name) {
  for (const analytic::StudyModel& model : analytic::study_catalogue()) {
    if (lower_case(model.label) == lower_case(name)) return model.name;
  }
  return std::string(name);
}

using Figure = std::function<double(const RealModel&)>;
const std::map<std::string_view, Figure>& figures() {
  static const std::map<std::string_view, Figure> all = {
      {"experts", [](const RealModel& m) { return m.shape.grid.experts; }},
      {"top_k", [](const RealModel& m) { return m.shape.top_k; }},
      {"layers", [](const RealModel& m) { return m.shape.layers; }},
      {"moe_layers", [](const RealModel& m) { return m.shape.grid.layers; }},
      {"hidden", [](const RealModel& m) { return m.shape.hidden_size; }},
      {"d_ff", [](const RealModel& m) { return m.shape.expert_width; }},
      {"dense_ff", [](const RealModel& m) { return m.shape.ffn_width; }},
      {"vocab", [](const RealModel& m) { return m.shape.vocab_size; }},
      {"matrices", [](const RealModel& m) { return m.shape.expert_matrices; }},
      {"native_context", [](const RealModel& m) { return m.shape.context_tokens; }},
      {"expert_params_m", [](const RealModel& m) { return expert_params_of(m.shape) / million; }},
      {"expert_mb", [](const RealModel& m) { return bf16_bytes * expert_params_of(m.shape) / megabyte; }},
      {"total_b", [](const RealModel& m) { return *m.model.total_params / billion; }},
      {"active_b", [](const RealModel& m) { return *m.model.active_params / billion; }},
      {"non_expert_b",
       [](const RealModel& m) { return static_cast<double>(m.shape.non_expert_params) / billion; }},
      {"shared_b",
       [](const RealModel& m) { return static_cast<double>(m.shape.shared_expert_params) / billion; }},
      {"non_expert_gb",
       [](const RealModel& m) {
         return bf16_bytes * static_cast<double>(m.shape.non_expert_params) / gigabyte;
       }},
      {"activation_gb",
       [](const RealModel& m) {
         return static_cast<double>(activation_bytes(m.model, 1).value()) / gigabyte;
       }},
      {"kv_token_bytes",
       [](const RealModel& m) { return static_cast<double>(analytic::token_bytes(m.shape, Dtype::bf16)); }},
      {"expert_gb",
       [](const RealModel& m) {
         return bf16_bytes * expert_params_of(m.shape) * m.shape.grid.experts * m.shape.grid.layers /
                gigabyte;
       }},
  };
  return all;
}

bool is_of_context(std::string_view name) {
  return name == "baseline_tokens" || name == "prophet_tokens" || name == "extension" ||
         name == "extra_tokens";
}

class RealQuantities final : public Quantities {
 public:
  double value(std::string_view name, const Place& place) override {
    if (name == "gpu_gb") return static_cast<double>(gpu(gpu_of(place)).memory_bytes) / gigabyte;
    if (place.model.empty()) throw NoValue("no model");
    const RealModel& real = model(place.model);
    if (const auto figure = figures().find(name); figure != figures().end()) return figure->second(real);
    if (name == "kept_gb") return kept_gb(real, batch_of(place));
    if (is_of_context(name)) return context_value(name, real, place);
    const auto of_experts = expert_quantity(name, real.shape.grid.experts, real.shape.top_k, place);
    if (of_experts) return *of_experts;
    throw Error(ErrorCode::bad_input, fmt::format("'{}' is no quantity of the real catalogue", name));
  }
  bool depends_on_gpu(std::string_view name) const override { return is_of_context(name); }

 private:
  static double kept_gb(const RealModel& real, std::uint32_t batch) {
    return bf16_bytes * expert_params_of(real.shape) * real.shape.grid.layers *
           resident_experts(real.model, Approach::prophet, batch) / gigabyte;
  }
  double context_value(std::string_view name, const RealModel& real, const Place& place) {
    const std::uint64_t memory = gpu(gpu_of(place)).memory_bytes;
    const std::uint32_t batch = batch_of(place);
    const auto baseline = context_tokens_max(real.model, Approach::all_resident, batch, memory);
    const auto cached = context_tokens_max(real.model, Approach::prophet, batch, memory);
    if (name == "extension") {
      const auto extension = analytic::context_extension(baseline, cached);
      if (!extension.ratio) throw NoValue(analytic::extension_outcome_name(extension.outcome));
      return *extension.ratio;
    }
    const auto all = static_cast<double>(baseline.value()), kept = static_cast<double>(cached.value());
    if (name == "extra_tokens") return kept - all;
    return name == "baseline_tokens" ? all : kept;
  }
  const RealModel& model(const std::string& name) {
    const auto found = models_.find(name);
    if (found != models_.end()) return found->second;
    ModelShape shape = load_model(name_in_runtime(name));
    analytic::AnalyticModel arithmetic = analytic::real_model(shape);
    return models_.emplace(name, RealModel{std::move(shape), std::move(arithmetic)}).first->second;
  }
  const analytic::AnalyticGpu& gpu(const std::string& name) {
    const auto found = gpus_.find(name);
    if (found != gpus_.end()) return found->second;
    return gpus_.emplace(name, catalogue_gpu(analytic::Catalogue::real, name)).first->second;
  }

  std::map<std::string, RealModel> models_;
  std::map<std::string, analytic::AnalyticGpu> gpus_;
};

}  // namespace

std::unique_ptr<Quantities> make_real_quantities() {
  return std::make_unique<RealQuantities>();
}

}  // namespace prophet::ledger
