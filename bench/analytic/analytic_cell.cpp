#include "bench/analytic/analytic_cell.hpp"

#include <algorithm>
#include <utility>

#include "bench/analytic/popularity.hpp"

namespace prophet::analytic {
namespace {

double hit_rate_of(const AnalyticModel& model, Approach approach, const ExpertDemand& demand,
                   const CellOptions& options) {
  switch (approach) {
    case Approach::all_resident:
    case Approach::int8:
    case Approach::int4:
      return 1;
    case Approach::offload:
      return 0;
    case Approach::prophet:
    case Approach::prophet_int8:
      return cache_hit_rate(options, demand.cached_experts, model.experts, demand.che_hit_rate);
    case Approach::static_hot:
      return options.hit_rate.value_or(demand.static_hit_rate);
  }
  return 0;
}

/// What every approach of a cell is computed from.
struct Asked {
  const AnalyticModel& share;  ///< of one GPU
  const AnalyticGpu& gpu;
  std::uint32_t batch;
  const CellOptions& options;
  const ExpertDemand& demand;
  std::uint64_t peer_ns;
};

ApproachAnswer answer(const Asked& asked, Approach approach) {
  const auto& [model, gpu, batch, options, demand, peer_ns] = asked;
  ApproachAnswer answer;
  answer.approach = approach;
  answer.memory = memory_parts(model, approach, batch, options.context_tokens);
  answer.context_tokens_max = context_tokens_max(model, approach, batch, gpu.memory_bytes);
  answer.batch_size_max = batch_size_max(model, approach, options.context_tokens, gpu.memory_bytes);
  answer.hit_rate = hit_rate_of(model, approach, demand, options);
  const StepQuestion question{approach,        batch,  options.context_tokens, demand.unique_popular,
                              answer.hit_rate, peer_ns};
  answer.step = step_time(model, question, gpu.profile);
  return answer;
}

/// A model and what one GPU holds of it.
struct Divided {
  std::shared_ptr<const CatalogueModel> model;
  AnalyticModel share;
};

AnalyticCell cell_of(const Divided& divided, const AnalyticGpu& gpu, std::uint32_t batch,
                     const CellOptions& options, const ExpertDemand& demand) {
  AnalyticCell cell;
  cell.gpu = gpu.profile.name;
  cell.memory_bytes = gpu.memory_bytes;
  cell.batch = batch;
  cell.options = options;
  cell.demand = demand;
  cell.kv_token_bytes = sequence_kv_bytes(divided.share, 1);
  cell.exchange = peer_exchange(divided.share, options.division, batch, gpu.profile);
  const Asked asked{divided.share, gpu, batch, options, demand, cell.exchange_ns().value_or(0)};
  for (const Approach approach : approaches)
    cell.answers[static_cast<std::size_t>(approach)] = answer(asked, approach);
  cell.extension = context_extension(cell.of(Approach::all_resident).context_tokens_max,
                                     cell.of(Approach::prophet).context_tokens_max);
  const CatalogueModel& model = *divided.model;
  if (model.study && gpu.study_gb != 0 && options.division.gpus == 1)
    cell.study = as_study_computed(*model.study, gpu.study_gb, batch);
  cell.model = divided.model;
  return cell;
}

}  // namespace

double cache_hit_rate(const CellOptions& options, double slots, std::uint32_t experts, double che_rate) {
  if (options.hit_rate) return *options.hit_rate;
  if (slots >= experts) return 1;
  return options.curve ? options.curve->at(slots / experts) : che_rate;
}

std::optional<std::uint64_t> AnalyticCell::exchange_ns() const {
  if (options.division.gpus == 1) return 0;
  return exchange ? exchange->ns : std::nullopt;
}

std::optional<bool> ApproachAnswer::fits(std::uint64_t memory_bytes) const {
  const auto total = memory.total();
  if (!total) return std::nullopt;
  return *total <= memory_bytes;
}

ExpertDemand expert_demand(const AnalyticModel& model, std::uint32_t batch, double zipf) {
  const std::vector<double> wanted = step_demand(model.experts, model.top_k, batch, zipf);
  ExpertDemand demand;
  demand.unique_power_law = unique_power_law(model.experts, model.top_k, batch);
  demand.unique_uniform = unique_uniform(model.experts, model.top_k, batch);
  demand.unique_popular = expected_unique(wanted);
  demand.by_power_law = sharing(model.experts, model.top_k, batch, demand.unique_power_law);
  demand.by_uniform = sharing(model.experts, model.top_k, batch, demand.unique_uniform);
  demand.saturation_batch = saturation_batch(model.experts, model.top_k);
  demand.cached_experts =
      std::min<double>(model.experts, model.expert_gpus * resident_experts(model, Approach::prophet, batch));
  demand.che_hit_rate = che_hit_rate(wanted, demand.cached_experts);
  demand.static_hit_rate = static_hit_rate(wanted, demand.cached_experts);
  return demand;
}

AnalyticCell analytic_cell(std::shared_ptr<const CatalogueModel> model, const AnalyticGpu& gpu,
                           std::uint32_t batch, const CellOptions& options) {
  return analytic_grid({std::move(model)}, {gpu}, {batch}, options).front();
}

std::vector<AnalyticCell> analytic_grid(const std::vector<std::shared_ptr<const CatalogueModel>>& models,
                                        const std::vector<AnalyticGpu>& gpus,
                                        const std::vector<std::uint32_t>& batches,
                                        const CellOptions& options) {
  std::vector<AnalyticCell> cells;
  cells.reserve(models.size() * gpus.size() * batches.size());
  for (const auto& model : models) {
    const Divided divided{model, share_of_gpu(*model, options.division)};
    std::vector<ExpertDemand> demands;
    for (const std::uint32_t batch : batches)
      demands.push_back(expert_demand(divided.share, batch, options.zipf));
    for (const AnalyticGpu& gpu : gpus) {
      for (std::size_t i = 0; i < batches.size(); ++i)
        cells.push_back(cell_of(divided, gpu, batches[i], options, demands[i]));
    }
  }
  return cells;
}

}  // namespace prophet::analytic
