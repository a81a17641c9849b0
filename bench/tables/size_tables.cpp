#include "bench/tables/size_tables.hpp"

#include <cmath>

#include "bench/analytic/expert_demand.hpp"
#include "bench/tables/model_sizes.hpp"
#include "bench/tables/study_inputs.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet::tables {
namespace {

using study_inputs::CountedModel;
using study_inputs::ListedModel;

constexpr double bf16_bytes = 2;
constexpr double million = 1e6;
constexpr double billion = 1e9;
constexpr double mb_per_gb = 1000;

std::vector<Cell> listed_row(const ListedModel& model) {
  const double experts_gb = model.layers * model.experts * model.expert_mb / mb_per_gb;
  return {model.label,
          model.total_params_billions,
          model.layers,
          model.layers,
          model.hidden_size,
          model.experts,
          model.expert_mb,
          experts_gb,
          model.non_expert_gb,
          experts_gb + model.non_expert_gb,
          bf16_bytes * model.total_params_billions};
}

std::vector<Cell> real_row(const ListedModel& listed) {
  const ModelShape shape = load_model(listed.name);
  const double experts_gb = bf16_bytes * static_cast<double>(shape.grid.size()) *
                            static_cast<double>(expert_params(shape)) / billion;
  const double non_expert_gb = bf16_bytes * static_cast<double>(shape.non_expert_params) / billion;
  const double params_billions = static_cast<double>(total_params(shape)) / billion;
  return {shape.name,
          params_billions,
          static_cast<double>(shape.layers),
          static_cast<double>(shape.grid.layers),
          static_cast<double>(shape.hidden_size),
          static_cast<double>(shape.grid.experts),
          expert_mb(shape),
          experts_gb,
          non_expert_gb,
          experts_gb + non_expert_gb,
          bf16_bytes * params_billions};
}

/// The batch at which the study's law keeps so many experts.
double batch_of(double kept_experts, double top_k) {
  return std::pow(kept_experts / top_k, 1 / analytic::study_exponent);
}

std::vector<Cell> reduction_row(const std::string& label, const char* part, double baseline_gb,
                                double prophet_gb, std::optional<double> kept, std::optional<double> batch) {
  return {label,
          part,
          number(kept),
          number(batch),
          baseline_gb,
          prophet_gb,
          percent(1 - prophet_gb / baseline_gb)};
}

void add_reduction(Table& table, const ModelSizes& sizes) {
  const double routed_gb = sizes.experts * sizes.layers * sizes.expert_mb / mb_per_gb;
  const double kept_gb = routed_gb * sizes.kept_experts / sizes.experts;
  table.rows.push_back(reduction_row(sizes.label, "routed", routed_gb, kept_gb, sizes.kept_experts,
                                     batch_of(sizes.kept_experts, sizes.top_k)));
  if (sizes.shared_gb == 0) return;
  table.rows.push_back(
      reduction_row(sizes.label, "shared", sizes.shared_gb, sizes.shared_gb, std::nullopt, std::nullopt));
  table.rows.push_back(reduction_row(sizes.label, "all", routed_gb + sizes.shared_gb,
                                     kept_gb + sizes.shared_gb, std::nullopt, std::nullopt));
}

}  // namespace

Table make_architectures(Catalogue catalogue) {
  Table table;
  if (catalogue == Catalogue::study) {
    table.notes = {
        "What the document lists, and what it comes to: layers x experts x size, in GB of 10^9 bytes.",
        "Where the last two columns are far apart the document contradicts itself: its expert sizes do not "
        "belong to models with so many parameters, and Qwen's least."};
  } else {
    table.notes = {"Sizes in bf16. Layers of Switch are those of encoder and decoder together.",
                   "Experts are routed ones; shared experts are part of the rest. The document's Qwen3-MoE "
                   "(~57B) is taken as qwen2-57b-a14b, whose size it has."};
  }
  table.columns = {text_column("model", "model"),
                   number_column("total_params_billions", "parameters, billions"),
                   count_column("layers", "layers"),
                   count_column("moe_layers", "with experts"),
                   count_column("hidden_size", "hidden size"),
                   count_column("experts", "experts"),
                   number_column("expert_mb", "an expert, MB"),
                   gb_column("experts_gb", "all experts"),
                   gb_column("non_expert_gb", "the rest"),
                   gb_column("parts_gb", "together"),
                   gb_column("params_16_bit_gb", "2 bytes a parameter")};
  for (const ListedModel& model : study_inputs::listed_models)
    table.rows.push_back(catalogue == Catalogue::study ? listed_row(model) : real_row(model));
  return table;
}

Table make_model_memory(Catalogue catalogue) {
  Table table;
  table.notes = {"Experts are counted: experts of a layer x layers x parameters of one."};
  if (catalogue == Catalogue::study) {
    table.notes.emplace_back(
        "The rest is what the document states. It takes that and its experts from the total, so that experts "
        "of its own size do not add up to it.");
  }
  table.columns = {text_column("model", "model"),
                   number_column("total_params_billions", "parameters, billions"),
                   count_column("expert_instances", "experts in all layers"),
                   number_column("expert_params_billions", "in experts, billions"),
                   number_column("non_expert_params_billions", "in the rest, billions"),
                   number_column("sum_params_billions", "both, billions"),
                   gb_column("total_16_bit_gb", "2 bytes a parameter")};
  for (const CountedModel& model : study_inputs::counted_models) {
    const ModelSizes sizes = model_sizes(model, catalogue);
    const double shared = catalogue == Catalogue::study ? model.shared_experts : 0;
    const double instances = (sizes.experts + shared) * sizes.layers;
    const double experts_billions = instances * sizes.expert_params_millions * million / billion;
    table.rows.push_back({sizes.label, sizes.total_params_billions, instances, experts_billions,
                          sizes.non_expert_params_billions,
                          experts_billions + sizes.non_expert_params_billions,
                          bf16_bytes * sizes.total_params_billions});
  }
  return table;
}

Table make_expert_memory(Catalogue catalogue) {
  Table table;
  table.notes = {
      catalogue == Catalogue::study
          ? "The document's 125 MB of Switch-XXL are millions of parameters: in 16 bits it is twice that."
          : "In bf16. Shared experts are one module of their own width a layer."};
  table.columns = {text_column("model", "model"),
                   text_column("part", "experts"),
                   count_column("experts", "of a layer"),
                   number_column("expert_mb", "one, MB"),
                   gb_column("layer_gb", "a layer's"),
                   count_column("layers", "layers"),
                   gb_column("all_layers_gb", "all layers'")};
  for (const CountedModel& model : study_inputs::counted_models) {
    const ModelSizes sizes = model_sizes(model, catalogue);
    const double layer_gb = sizes.experts * sizes.expert_mb / mb_per_gb;
    table.rows.push_back({sizes.label, "routed", sizes.experts, sizes.expert_mb, layer_gb, sizes.layers,
                          layer_gb * sizes.layers});
    if (sizes.shared_gb == 0) continue;
    const double shared = catalogue == Catalogue::study ? model.shared_experts : 1;
    const double shared_layer_gb = sizes.shared_gb / sizes.layers;
    table.rows.push_back({sizes.label, "shared", shared, shared_layer_gb * mb_per_gb / shared,
                          shared_layer_gb, sizes.layers, sizes.shared_gb});
    table.rows.push_back({sizes.label, "all", sizes.experts + shared, Cell(), layer_gb + shared_layer_gb,
                          sizes.layers, layer_gb * sizes.layers + sizes.shared_gb});
  }
  return table;
}

Table make_prophet_reduction(Catalogue catalogue) {
  Table table;
  table.notes = {
      "The document keeps 16 of 128 and 12 of 60 routed experts whatever the batch; beside them stands the "
      "batch at which its own law, k * B^0.932, asks for so many.",
      "Shared experts always stay."};
  table.columns = {text_column("model", "model"),
                   text_column("part", "experts"),
                   count_column("kept_experts", "kept of a layer"),
                   number_column("law_batch", "batch by the law", 2),
                   gb_column("baseline_gb", "all resident"),
                   gb_column("prophet_gb", "Prophet"),
                   percent_column("reduction_percent", "reduction")};
  add_reduction(table, model_sizes(study_inputs::counted_switch_xxl, catalogue));
  add_reduction(table, model_sizes(study_inputs::counted_qwen, catalogue));
  return table;
}

Table make_complete_breakdown(Catalogue catalogue) {
  Table table;
  table.notes = {catalogue == Catalogue::study
                     ? "The document's own expert sizes and widths; Qwen's 64 experts are its 60 routed and "
                       "4 shared ones."
                     : "Experts are routed ones; what Prophet keeps of Qwen has its shared experts, which "
                       "are part of the rest, on both sides.",
                 "Prophet keeps 16 of 128 and 12 of 60 routed experts, as the document does."};
  table.columns = {text_column("model", "model"),
                   count_column("hidden_size", "hidden size"),
                   count_column("layers", "layers with experts"),
                   count_column("experts", "experts"),
                   count_column("expert_width", "width of one"),
                   number_column("expert_params_millions", "one, millions"),
                   number_column("layer_params_billions", "a layer's, billions"),
                   number_column("expert_params_billions", "all layers', billions"),
                   number_column("non_expert_params_billions", "the rest, billions"),
                   number_column("sum_params_billions", "both, billions"),
                   number_column("expert_mb", "one, MB"),
                   gb_column("layer_gb", "a layer's"),
                   gb_column("experts_gb", "all layers'"),
                   gb_column("prophet_gb", "Prophet keeps"),
                   percent_column("reduction_percent", "reduction")};
  for (const CountedModel& model : study_inputs::counted_models) {
    const ModelSizes sizes = model_sizes(model, catalogue);
    const bool as_listed = catalogue == Catalogue::study;
    const double experts = sizes.experts + (as_listed ? model.shared_experts : 0);
    const double layer_billions = experts * sizes.expert_params_millions * million / billion;
    const double all_billions = layer_billions * sizes.layers;
    const double layer_gb = experts * sizes.summary_expert_mb / mb_per_gb;
    const double shared_gb = as_listed ? 0 : sizes.shared_gb;
    const double kept = sizes.kept_experts + (as_listed ? model.shared_experts : 0);
    const double all_gb = layer_gb * sizes.layers + shared_gb;
    const double kept_gb = all_gb - (experts - kept) * sizes.layers * sizes.summary_expert_mb / mb_per_gb;
    table.rows.push_back({sizes.label, sizes.hidden_size, sizes.layers, experts, sizes.expert_width,
                          sizes.expert_params_millions, layer_billions, all_billions,
                          sizes.non_expert_params_billions, all_billions + sizes.non_expert_params_billions,
                          sizes.summary_expert_mb, layer_gb, layer_gb * sizes.layers, kept_gb,
                          percent(1 - kept_gb / all_gb)});
  }
  return table;
}

}  // namespace prophet::tables
