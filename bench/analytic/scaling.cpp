#include "bench/analytic/scaling.hpp"

#include <algorithm>
#include <cmath>

namespace prophet::analytic {
namespace {

/// A model with the experts that its caches keep, and what it is asked about.
struct Asked {
  std::shared_ptr<const CatalogueModel> model;
  const AnalyticGpu& gpu;
  const ScaleQuestion& question;
  Approach approach;
};

struct Placed {
  Division division;
  std::optional<std::uint64_t> bytes;  ///< of each GPU; none when that is not known
};

Asked asked_of(const std::shared_ptr<const CatalogueModel>& model, const AnalyticGpu& gpu,
               const ScaleQuestion& question, const ScaleWay& way) {
  auto kept = std::make_shared<CatalogueModel>(*model);
  if (way.slab_fraction) kept->model.cache_experts = experts_of_fraction(model->model, *way.slab_fraction);
  return {kept, gpu, question, way.approach};
}

MemoryParts parts_of(const Asked& asked, const Division& division) {
  return memory_parts(share_of_gpu(*asked.model, division), asked.approach, asked.question.batch,
                      asked.question.options.context_tokens);
}

/// The ways in which so many GPUs can be used.
std::vector<Division> divisions(const Asked& asked, std::uint32_t gpus) {
  std::vector<Division> usable;
  for (const Parallel parallel : {Parallel::tensor, Parallel::expert}) {
    const Division division{gpus, parallel};
    if (asked.question.parallel.value_or(parallel) == parallel && can_be_divided(*asked.model, division))
      usable.push_back(division);
  }
  return usable;
}

/// The way that takes least of each GPU; none where so many cannot be used.
std::optional<Placed> place(const Asked& asked, std::uint32_t gpus) {
  std::optional<Placed> best;
  for (const Division& division : divisions(asked, gpus)) {
    const Placed one{division, parts_of(asked, division).total()};
    if (!best || one.bytes < best->bytes) best = one;
  }
  return best;
}

/// Tries one number after the other.
void find_fewest(const Asked& asked, ScaleAnswer& answer) {
  for (std::uint32_t gpus = 1; gpus <= asked.question.gpus_max; ++gpus) {
    const auto where = place(asked, gpus);
    if (!where) {
      answer.passed_over.push_back(gpus);
      continue;
    }
    answer.division = where->division;
    if (where->bytes) answer.fits = *where->bytes <= asked.gpu.memory_bytes;
    if (answer.fits.value_or(true)) return;
    answer.passed_over.clear();
  }
}

void add_figures(const Asked& asked, ScaleAnswer& answer) {
  CellOptions options = asked.question.options;
  options.division = answer.division;
  AnalyticGpu gpu = asked.gpu;
  if (answer.division.gpus > gpus_max) gpu.profile.peer_bytes_per_s = 0;
  const std::uint32_t batch = asked.question.batch;
  const AnalyticCell cell = analytic_cell(asked.model, gpu, batch, options);
  const ApproachAnswer& figures = cell.of(asked.approach);
  answer.experts_of_layer =
      asked.approach == Approach::prophet ? cell.demand.cached_experts : asked.model->model.experts;
  answer.memory = figures.memory;
  answer.hit_rate = figures.hit_rate;
  answer.exchange = cell.exchange;
  answer.step = figures.step;
  answer.timed = figures.step && cell.exchange_ns();
  if (!figures.context_tokens_max) return;
  const bool own_sequences = answer.division.gpus > 1 && answer.division.parallel == Parallel::expert;
  const AnalyticModel share = share_of_gpu(*asked.model, answer.division);
  answer.gpu_kv_tokens = sequences_of_gpu(share, batch) * *figures.context_tokens_max;
  answer.node_kv_tokens = *answer.gpu_kv_tokens * (own_sequences ? answer.division.gpus : 1);
}

/// Not every GPU there is need be used, so that what holds every expert ends it.
void add_enabled(const ScaleAnswer& every_expert, std::uint32_t tried, ScaleAnswer& answer) {
  if (answer.way.approach != Approach::prophet || !answer.fits.value_or(false)) return;
  const std::uint32_t to = *every_expert.fits ? every_expert.division.gpus - 1 : tried;
  if (answer.division.gpus > to) return;
  answer.enabled_from = answer.division.gpus;
  answer.enabled_to = to;
}

std::optional<std::uint32_t> fewest_for_experts(const Asked& asked) {
  for (std::uint32_t gpus = 1; gpus <= asked.question.gpus_max; ++gpus) {
    for (const Division& division : divisions(asked, gpus)) {
      const auto bytes = parts_of(asked, division).experts;
      if (bytes && *bytes <= asked.gpu.memory_bytes) return gpus;
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<ScaleWay> scale_ways(const ScaleQuestion& question) {
  std::vector<ScaleWay> ways = {{Approach::all_resident, {}}};
  for (const double fraction : question.slab_fractions) ways.push_back({Approach::prophet, fraction});
  for (const Approach approach : {Approach::prophet, Approach::int8, Approach::int4})
    ways.push_back({approach, {}});
  return ways;
}

std::uint32_t experts_of_fraction(const AnalyticModel& model, double slab_fraction) {
  return std::clamp(static_cast<std::uint32_t>(std::lround(slab_fraction * model.experts)), model.top_k,
                    model.experts);
}

std::vector<ScaleAnswer> scale(const std::shared_ptr<const CatalogueModel>& model, const AnalyticGpu& gpu,
                               const ScaleQuestion& question) {
  std::vector<ScaleAnswer> answers;
  for (const ScaleWay& way : scale_ways(question)) {
    const Asked asked = asked_of(model, gpu, question, way);
    ScaleAnswer answer;
    answer.way = way;
    find_fewest(asked, answer);
    if (!answer.fits) answer.experts_gpus = fewest_for_experts(asked);
    add_figures(asked, answer);
    answers.push_back(std::move(answer));
  }
  for (ScaleAnswer& answer : answers) add_enabled(answers.front(), question.gpus_max, answer);
  return answers;
}

}  // namespace prophet::analytic
