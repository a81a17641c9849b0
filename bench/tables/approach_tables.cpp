#include "bench/tables/approach_tables.hpp"

#include <array>

#include "bench/analytic/popularity.hpp"
#include "bench/tables/grid_summary.hpp"
#include "bench/tables/study_inputs.hpp"

namespace prophet::tables {
namespace {

using namespace analytic;
namespace xxl = study_inputs::switch_xxl;

constexpr const char* compared_gpu = "a100-80gb";
constexpr const char* compared_model = "switch-xxl-128";
constexpr std::uint32_t compared_batch = 16;
constexpr std::array<std::uint32_t, 2> approach_batches = {1, compared_batch};
constexpr double ns_per_ms = 1e6;
constexpr double bytes_per_gb = 1e9;

Cell milliseconds(const std::optional<StepTime>& step, std::uint64_t StepTime::*member) {
  if (!step) return {};
  return static_cast<double>((*step).*member) / ns_per_ms;
}

Cell times(const std::optional<StepTime>& step, std::uint64_t StepTime::*member,
           const std::optional<StepTime>& baseline) {
  if (!step || !baseline) return {};
  return static_cast<double>((*step).*member) / static_cast<double>(baseline->overlapped_ns);
}

/// One way of keeping Switch-XXL's experts.
struct Alternative {
  Approach approach = Approach::all_resident;
  double gpu_bytes = 0;
  double stored_bytes = 0;  ///< all experts, in the dtype of the approach
  std::optional<StepTime> step;
};

std::vector<Alternative> real_alternatives(const AnalyticCell& cell) {
  std::vector<Alternative> result;
  for (const Approach approach : approaches) {
    const AnalyticModel& model = cell.model->model;
    const double stored = static_cast<double>(*expert_bytes_of(model, approach)) * *model.moe_layers *
                          static_cast<double>(model.experts);
    result.push_back(
        {approach, static_cast<double>(*cell.of(approach).memory.experts), stored, cell.of(approach).step});
  }
  return result;
}

/// What the document keeps on the GPU, in GB: fixed figures, the same at any batch.
std::vector<Alternative> stated_alternatives() {
  const double kept_gb = xxl::experts_gb * xxl::kept_experts / xxl::experts;
  const double static_gb = xxl::experts_gb * xxl::static_experts / xxl::experts;
  const auto of = [](Approach approach, double gpu_gb, double stored_gb) {
    return Alternative{approach, gpu_gb * bytes_per_gb, stored_gb * bytes_per_gb, std::nullopt};
  };
  return {of(Approach::all_resident, xxl::experts_gb, xxl::experts_gb),
          of(Approach::prophet, kept_gb, xxl::experts_gb),
          of(Approach::static_hot, static_gb, xxl::experts_gb),
          of(Approach::offload, xxl::offload_gb, xxl::experts_gb),
          of(Approach::int8, xxl::experts_gb / 2, xxl::experts_gb / 2),
          of(Approach::int4, xxl::experts_gb / 4, xxl::experts_gb / 4),
          of(Approach::prophet_int8, kept_gb / 2, xxl::experts_gb / 2)};
}

/// Share of the wanted experts that are there, where all are alike.
double hit_rate(const Alternative& alternative) {
  return alternative.approach == Approach::offload ? 0 : alternative.gpu_bytes / alternative.stored_bytes;
}

/// Steps with the document's expert size: what it stores, over all experts of all layers.
std::vector<Alternative> study_alternatives() {
  AnalyticModel model = catalogue_model(Catalogue::study, compared_model)->model;
  const GpuProfile gpu = catalogue_gpu(Catalogue::study, compared_gpu).profile;
  const double wanted = unique_uniform(model.experts, model.top_k, compared_batch);
  std::vector<Alternative> result = stated_alternatives();
  for (Alternative& alternative : result) {
    model.expert_bytes = static_cast<std::uint64_t>(alternative.stored_bytes / (xxl::experts * xxl::layers));
    const StepQuestion question{Approach::all_resident, compared_batch, study_inputs::context_tokens, wanted,
                                hit_rate(alternative)};
    alternative.step = step_time(model, question, gpu);
  }
  return result;
}

const AnalyticCell& compared_cell() {
  return *cells_where(Catalogue::real, [](const AnalyticCell& cell) {
            return cell.model->model.name == compared_model && cell.gpu == compared_gpu &&
                   cell.batch == compared_batch;
          }).front();
}

const char* step_note() {
  return "Steps are bounds from below by rates alone, nothing was measured or simulated: overlapped hides "
         "copies behind computing or the other way round, on demand does one after the other. All experts "
         "are alike, so that a cache hits with the share that it holds; a step of what does not fit is that "
         "of a GPU with the same rates and more memory.";
}

std::vector<Cell> approach_row(const AnalyticCell& cell, const ApproachAnswer& answer) {
  const ApproachAnswer& baseline = cell.of(Approach::all_resident);
  const ContextExtension extension =
      context_extension(baseline.context_tokens_max, answer.context_tokens_max);
  return {cell.model->model.label,
          static_cast<double>(cell.batch),
          approach_name(answer.approach),
          gb(answer.memory.non_expert),
          gb(answer.memory.experts),
          gb(answer.memory.kv),
          gb(answer.memory.activations),
          gb(answer.memory.own),
          gb(answer.memory.total()),
          yes_or_no(answer.fits(cell.memory_bytes)),
          number(answer.context_tokens_max),
          extension_outcome_name(extension.outcome),
          number(extension.ratio),
          answer.hit_rate,
          answer.step ? gb(answer.step->moved_bytes) : Cell(),
          milliseconds(answer.step, &StepTime::overlapped_ns),
          milliseconds(answer.step, &StepTime::serial_ns),
          times(answer.step, &StepTime::overlapped_ns, baseline.step)};
}

}  // namespace

Table make_alternatives(Catalogue catalogue) {
  Table table;
  table.notes = {step_note()};
  if (catalogue == Catalogue::study) {
    table.notes.emplace_back(
        "Experts as the document has them, parameters read as bytes: 384 GB, of which Prophet keeps 16 of "
        "128 and an offload 16 GB, which has no source; static experts are document 000's 40 of 128. The "
        "document's latency factors have no method, and none is repeated here.");
  } else {
    table.notes.emplace_back("The offload has two layers' worth of wanted experts at a time.");
  }
  table.columns = {text_column("approach", "approach"),
                   gb_column("gpu_experts_gb", "experts on the GPU"),
                   gb_column("host_experts_gb", "elsewhere"),
                   gb_column("freed_gb", "freed"),
                   percent_column("reduction_percent", "reduction"),
                   gb_column("moved_gb", "moved in a step"),
                   number_column("overlapped_times", "step, overlapped, times"),
                   number_column("on_demand_times", "step, on demand, times")};
  const std::vector<Alternative> alternatives =
      catalogue == Catalogue::study ? study_alternatives() : real_alternatives(compared_cell());
  const Alternative& baseline = alternatives.front();
  for (const Alternative& each : alternatives) {
    table.rows.push_back({approach_name(each.approach), each.gpu_bytes / bytes_per_gb,
                          (each.stored_bytes - each.gpu_bytes) / bytes_per_gb,
                          (baseline.gpu_bytes - each.gpu_bytes) / bytes_per_gb,
                          percent(1 - each.gpu_bytes / baseline.gpu_bytes),
                          each.step ? gb(each.step->moved_bytes) : Cell(),
                          times(each.step, &StepTime::overlapped_ns, baseline.step),
                          times(each.step, &StepTime::serial_ns, baseline.step)});
  }
  return table;
}

Table make_approaches(Catalogue catalogue) {
  Table table;
  table.notes = {step_note(),
                 catalogue == Catalogue::study
                     ? "The study's figures with MB and GB as 10^6 and 10^9 bytes throughout; what follows "
                       "from a size that it does not give is unknown. int8 and int4 are a half and a quarter."
                     : "Experts as shipped; int8 and int4 with their scales. Outcome and extension are over "
                       "all resident."};
  table.columns = {text_column("model", "model"),
                   count_column("batch", "batch"),
                   text_column("approach", "approach"),
                   gb_column("non_expert_gb", "non-expert"),
                   gb_column("experts_gb", "experts"),
                   gb_column("kv_gb", "KV"),
                   gb_column("activations_gb", "activations"),
                   gb_column("own_gb", "own"),
                   gb_column("total_gb", "total"),
                   text_column("fits", "fits"),
                   count_column("context_tokens_max", "longest context, tokens"),
                   text_column("outcome", "outcome"),
                   number_column("extension", "extension"),
                   number_column("hit_rate", "hit rate", 4),
                   gb_column("moved_gb", "moved in a step"),
                   number_column("overlapped_ms", "step, overlapped, ms"),
                   number_column("on_demand_ms", "step, on demand, ms"),
                   number_column("overlapped_times", "overlapped, times", 2)};
  for (const AnalyticCell* const cell : cells_where(catalogue, [](const AnalyticCell& each) {
         return each.gpu == compared_gpu &&
                (each.batch == approach_batches.front() || each.batch == approach_batches.back());
       })) {
    for (const ApproachAnswer& answer : cell->answers) table.rows.push_back(approach_row(*cell, answer));
  }
  return table;
}

}  // namespace prophet::tables
