#include "bench/tables/breakdown_tables.hpp"

#include <fmt/format.h>

#include <array>

#include "bench/analytic/memory_parts.hpp"
#include "bench/analytic/study/study_reading.hpp"
#include "bench/tables/study_inputs.hpp"
#include "runtime/model/load_model.hpp"

namespace prophet::tables {
namespace {

using namespace analytic;

constexpr double bf16_bytes = 2;
constexpr double bytes_per_gb = 1e9;
constexpr double mb_per_gb = 1000;
constexpr const char* gpu = "a100-80gb";
constexpr std::array<std::uint32_t, 4> contexts = {2048, 4096, 8192, 16384};

struct Part {
  const char* name;
  double baseline_gb = 0;
  double prophet_gb = 0;
};

double in_gb(std::optional<std::uint64_t> bytes) {
  return static_cast<double>(bytes.value_or(0)) / bytes_per_gb;
}

/// Both sides of a model of the real catalogue, of which every size is known.
struct BothSides {
  MemoryParts baseline;
  MemoryParts prophet;
};

BothSides both_sides(const AnalyticModel& model, std::uint64_t context_tokens) {
  return {memory_parts(model, Approach::all_resident, study_inputs::batch, context_tokens),
          memory_parts(model, Approach::prophet, study_inputs::batch, context_tokens)};
}

Part part(const char* name, const BothSides& sides, std::optional<std::uint64_t> MemoryParts::*member) {
  return {name, in_gb(sides.baseline.*member), in_gb(sides.prophet.*member)};
}

std::vector<Cell> part_row(const Part& part) {
  const double saved_gb = part.baseline_gb - part.prophet_gb;
  return {part.name, part.baseline_gb, part.prophet_gb, saved_gb,
          part.baseline_gb == 0 ? Cell() : percent(saved_gb / part.baseline_gb)};
}

Part sum_of(const std::vector<Part>& parts) {
  Part total{"total"};
  for (const Part& part : parts) {
    total.baseline_gb += part.baseline_gb;
    total.prophet_gb += part.prophet_gb;
  }
  return total;
}

/// The parts and their sum.
Table breakdown(const std::vector<Part>& parts) {
  Table table;
  table.columns = {text_column("part", "part"), gb_column("baseline_gb", "all resident"),
                   gb_column("prophet_gb", "Prophet"), gb_column("savings_gb", "saved"),
                   percent_column("savings_percent", "saved")};
  for (const Part& part : parts) table.rows.push_back(part_row(part));
  table.rows.push_back(part_row(sum_of(parts)));
  return table;
}

std::string fit_note(const Part& total, Catalogue catalogue) {
  const double memory_gb = in_gb(catalogue_gpu(catalogue, gpu).memory_bytes);
  const auto fits = [&](double gb) { return gb <= memory_gb ? "fits" : "does not fit"; };
  return fmt::format("Of the {:.3f} GB of an A100-80GB: all resident {}, Prophet {}.", memory_gb,
                     fits(total.baseline_gb), fits(total.prophet_gb));
}

const char* law_note() {
  return "Prophet keeps as many whole experts of a layer as the study's law asks for at batch 8, and has its "
         "predictor and top-k staging slabs of its own: what prophet analyze computes.";
}

std::vector<Part> study_switch_xxl(double context_tokens) {
  using namespace study_inputs::switch_xxl;
  const double kv = study_inputs::kv_gb(layers, hidden_size, study_inputs::batch, context_tokens);
  return {{"non-expert", non_expert_gb, non_expert_gb},
          {"experts", experts_gb, experts_gb * kept_experts / experts},
          {"KV cache", kv, kv},
          {"activations", activation_gb, activation_gb},
          {"Prophet's own", 0, study_overhead_gb}};
}

std::vector<Part> real_parts(const AnalyticModel& model, std::uint64_t context_tokens) {
  const BothSides sides = both_sides(model, context_tokens);
  return {part("non-expert", sides, &MemoryParts::non_expert), part("experts", sides, &MemoryParts::experts),
          part("KV cache", sides, &MemoryParts::kv), part("activations", sides, &MemoryParts::activations),
          part("Prophet's own", sides, &MemoryParts::own)};
}

std::vector<Part> switch_xxl_parts(Catalogue catalogue, std::uint32_t context_tokens) {
  if (catalogue == Catalogue::study) return study_switch_xxl(context_tokens);
  return real_parts(catalogue_model(catalogue, "switch-xxl-128")->model, context_tokens);
}

std::vector<std::string> switch_xxl_notes(Catalogue catalogue) {
  if (catalogue == Catalogue::real) return {law_note()};
  return {
      "Experts: 16e9 of a layer's parameters read as bytes, x 24 layers, of which Prophet keeps 16 of 128.",
      "KV: 2 x batch x tokens x layers x hidden x 2 bytes. The document gives no formula for 11 GB of "
      "non-expert weights (its table 1 has 8) and 19.75 GB of activations."};
}

std::vector<Part> study_qwen() {
  using namespace study_inputs::qwen;
  const double instance_gb = expert_mb * layers / mb_per_gb;
  const double kv =
      study_inputs::kv_gb(layers, hidden_size, study_inputs::batch, study_inputs::context_tokens);
  const double activations = activation_share * active_params_billions * study_inputs::batch;
  return {{"non-expert", non_expert_gb, non_expert_gb},
          {"shared experts", shared_experts * instance_gb, shared_experts * instance_gb},
          {"routed experts", routed_experts * instance_gb, kept_experts * instance_gb},
          {"KV cache", kv, kv},
          {"activations", activations, activations},
          {"Prophet's own", 0, study_overhead_gb}};
}

/// The shared experts apart from the non-expert part that they belong to.
std::vector<Part> real_qwen() {
  const ModelShape shape = load_model("qwen1.5-moe-a2.7b");
  const double shared_gb = bf16_bytes * static_cast<double>(shape.shared_expert_params) / bytes_per_gb;
  std::vector<Part> parts = real_parts(real_model(shape), study_inputs::context_tokens);
  parts[0].baseline_gb -= shared_gb;
  parts[0].prophet_gb -= shared_gb;
  parts[1].name = "routed experts";
  parts.insert(parts.begin() + 1, {"shared experts", shared_gb, shared_gb});
  return parts;
}

}  // namespace

Table make_memory_components(Catalogue catalogue) {
  const std::vector<Part> parts = switch_xxl_parts(catalogue, study_inputs::context_tokens);
  Table table = breakdown(parts);
  table.notes = switch_xxl_notes(catalogue);
  table.notes.push_back(fit_note(sum_of(parts), catalogue));
  return table;
}

Table make_kv_scaling(Catalogue catalogue) {
  constexpr std::size_t kv_part = 2;
  Table table;
  table.notes = switch_xxl_notes(catalogue);
  table.notes.emplace_back(
      "What is freed does not depend on the context. The last column is KV over that of 2,048 tokens; the "
      "document prints one without a definition.");
  table.columns = {count_column("context_tokens", "tokens of each sequence"),
                   gb_column("kv_gb", "KV"),
                   gb_column("baseline_total_gb", "all resident"),
                   gb_column("prophet_total_gb", "Prophet"),
                   gb_column("freed_gb", "freed"),
                   number_column("kv_factor", "KV, times", 2)};
  const double first_kv_gb = switch_xxl_parts(catalogue, contexts.front())[kv_part].baseline_gb;
  for (const std::uint32_t context : contexts) {
    const std::vector<Part> parts = switch_xxl_parts(catalogue, context);
    const Part total = sum_of(parts);
    table.rows.push_back({static_cast<double>(context), parts[kv_part].baseline_gb, total.baseline_gb,
                          total.prophet_gb, total.baseline_gb - total.prophet_gb,
                          parts[kv_part].baseline_gb / first_kv_gb});
  }
  return table;
}

Table make_qwen_breakdown(Catalogue catalogue) {
  const std::vector<Part> parts = catalogue == Catalogue::study ? study_qwen() : real_qwen();
  Table table = breakdown(parts);
  if (catalogue == Catalogue::study) {
    table.notes = {
        "Experts of 150 MB in 24 layers: 4 shared and 60 routed, of which Prophet keeps 12. The document's "
        "own line of experts leaves the shared ones out of the baseline and has them with Prophet.",
        "Activations: 0.2 x 2.7 billion active parameters x batch, read as GB."};
  } else {
    table.notes = {law_note(), "Shared experts are one module of a layer, and always stay."};
  }
  table.notes.push_back(fit_note(sum_of(parts), catalogue));
  return table;
}

}  // namespace prophet::tables
