#include "bench/report/analyze_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace prophet {
namespace {

using Row = nlohmann::ordered_json;
using namespace analytic;

template <typename Value>
Row or_null(const std::optional<Value>& value) {
  return value ? Row(*value) : Row(nullptr);
}

void add_division(Row& row, const AnalyticCell& cell) {
  row["gpus"] = cell.options.division.gpus;
  row["parallel"] = parallel_name(cell.options.division.parallel);
  row["peer_bytes"] = cell.exchange ? Row(cell.exchange->bytes) : Row();
  row["peer_ns"] = or_null(cell.exchange_ns());
}

void add_model(Row& row, const AnalyticModel& model) {
  row["experts"] = model.experts;
  row["top_k"] = model.top_k;
  row["moe_layers"] = or_null(model.moe_layers);
  row["expert_bytes"] = or_null(model.expert_bytes);
  row["total_params"] = or_null(model.total_params);
  row["active_params"] = or_null(model.active_params);
}

void add_demand(Row& row, const ExpertDemand& demand) {
  row["unique_power_law"] = demand.unique_power_law;
  row["unique_uniform"] = demand.unique_uniform;
  row["unique_popular"] = demand.unique_popular;
  row["savings"] = demand.by_power_law.savings;
  row["savings_uniform"] = demand.by_uniform.savings;
  row["sparsity"] = demand.by_power_law.sparsity;
  row["sparsity_uniform"] = demand.by_uniform.sparsity;
  row["reuse"] = demand.by_power_law.reuse;
  row["reuse_uniform"] = demand.by_uniform.reuse;
  row["saturation_batch"] = demand.saturation_batch;
  row["cached_experts"] = demand.cached_experts;
}

void add_parts(Row& row, const AnalyticCell& cell) {
  const MemoryParts& parts = cell.of(Approach::all_resident).memory;
  row["non_expert_bytes"] = or_null(parts.non_expert);
  row["kv_bytes"] = or_null(parts.kv);
  row["activation_bytes"] = or_null(parts.activations);
  row["kv_token_bytes"] = or_null(cell.kv_token_bytes);
}

/// Where the exchange between GPUs is not known, how long a step takes is not either.
void add_step(Row& row, const std::string& name, const std::optional<StepTime>& step, bool timed) {
  row[name + "_read_bytes"] = step ? Row(step->read_bytes) : Row();
  row[name + "_moved_bytes"] = step ? Row(step->moved_bytes) : Row();
  row[name + "_compute_ns"] = step ? Row(step->compute_ns) : Row();
  row[name + "_link_ns"] = step ? Row(step->link_ns) : Row();
  row[name + "_overlapped_ns"] = step && timed ? Row(step->overlapped_ns) : Row();
  row[name + "_serial_ns"] = step && timed ? Row(step->serial_ns) : Row();
}

void add_approach(Row& row, const ApproachAnswer& answer, const AnalyticCell& cell) {
  const std::string name = approach_name(answer.approach);
  row[name + "_expert_bytes"] = or_null(answer.memory.experts);
  row[name + "_own_bytes"] = or_null(answer.memory.own);
  row[name + "_total_bytes"] = or_null(answer.memory.total());
  row[name + "_fits"] = or_null(answer.fits(cell.memory_bytes));
  row[name + "_context_tokens_max"] = or_null(answer.context_tokens_max);
  row[name + "_batch_max"] = or_null(answer.batch_size_max);
  row[name + "_hit_rate"] = answer.hit_rate;
  add_step(row, name, answer.step, cell.exchange_ns().has_value());
}

void add_extension(Row& row, const AnalyticCell& cell) {
  row["outcome"] = extension_outcome_name(cell.extension.outcome);
  row["extension"] = or_null(cell.extension.ratio);
  const auto resident = cell.of(Approach::all_resident).context_tokens_max;
  const auto cached = cell.of(Approach::prophet).context_tokens_max;
  row["extra_context_tokens"] = nullptr;
  if (resident && cached)
    row["extra_context_tokens"] = static_cast<std::int64_t>(*cached) - static_cast<std::int64_t>(*resident);
}

void add_study(Row& row, const AnalyticCell& cell) {
  const StudyReading reading = cell.study.value_or(StudyReading());
  row["study_expert_buffer_gb"] = or_null(reading.expert_buffer_gb);
  row["study_prophet_expert_gb"] = or_null(reading.prophet_expert_gb);
  row["study_kv_step_bytes"] = or_null(reading.kv_step_bytes);
  row["study_baseline_tokens"] = or_null(reading.baseline_tokens);
  row["study_prophet_tokens"] = or_null(reading.prophet_tokens);
  row["study_extra_tokens"] = or_null(reading.extra_tokens);
  row["study_extension"] = or_null(reading.extension);
}

void add_published(Row& row, const AnalyticModel& model) {
  const PublishedCount* const published = find_published_count(model.name);
  row["published_params"] = published ? Row(published->params) : Row();
  row["published_deviation"] = published ? Row(*model.total_params / published->params - 1) : Row();
  row["published_source"] = published ? Row(published->source) : Row();
}

}  // namespace

Row analyze_row(const AnalyticCell& cell, Catalogue catalogue) {
  Row row;
  row["catalogue"] = catalogue_name(catalogue);
  row["model"] = cell.model->model.name;
  row["gpu"] = cell.gpu;
  if (cell.options.division.gpus != 1) add_division(row, cell);
  row["batch"] = cell.batch;
  row["context_tokens"] = cell.options.context_tokens;
  row["zipf"] = cell.options.zipf;
  row["memory_bytes"] = cell.memory_bytes;
  add_model(row, cell.model->model);
  add_demand(row, cell.demand);
  add_parts(row, cell);
  for (const ApproachAnswer& answer : cell.answers) add_approach(row, answer, cell);
  add_extension(row, cell);
  if (catalogue == Catalogue::study) add_study(row, cell);
  if (catalogue == Catalogue::real) add_published(row, cell.model->model);
  return row;
}

Row analyze_summary(const std::vector<AnalyticCell>& cells) {
  Row summary = {{"cells", cells.size()}, {"ratio", 0},         {"enabled", 0},
                 {"neither", 0},          {"resident only", 0}, {"unknown", 0}};
  double sum = 0;
  double largest = 0;
  for (const AnalyticCell& cell : cells) {
    Row& count = summary[extension_outcome_name(cell.extension.outcome)];
    count = count.get<int>() + 1;
    sum += cell.extension.ratio.value_or(0);
    largest = std::max(largest, cell.extension.ratio.value_or(0));
  }
  const int ratios = summary["ratio"].get<int>();
  summary["ratio_mean"] = ratios == 0 ? Row() : Row(sum / ratios);
  summary["ratio_max"] = ratios == 0 ? Row() : Row(largest);
  return summary;
}

}  // namespace prophet
