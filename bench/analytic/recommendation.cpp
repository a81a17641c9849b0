#include "bench/analytic/recommendation.hpp"

#include <algorithm>
#include <cmath>

#include "bench/analytic/popularity.hpp"

namespace prophet::analytic {
namespace {

/// What every way is asked about.
struct Asked {
  const AnalyticModel& model;
  const AnalyticGpu& gpu;
  const RecommendQuestion& question;
  std::vector<double> demand;  ///< of one layer and step, [experts]
};

Approach approach_of(Way way) {
  switch (way) {
    case Way::cache:
      return Approach::prophet;
    case Way::int8:
      return Approach::int8;
    case Way::int4:
      return Approach::int4;
    case Way::offload:
      return Approach::offload;
    case Way::keep_all:
    case Way::several_gpus:
      return Approach::all_resident;
  }
  return Approach::all_resident;
}

MemoryParts parts_of(const Asked& asked, Way way, std::uint64_t batch) {
  return memory_parts(asked.model, approach_of(way), batch, asked.question.options.context_tokens);
}

/// As many experts of each layer as there is room for, at least top_k.
void size_cache(const Asked& asked, WayAnswer& answer) {
  const MemoryParts parts = parts_of(asked, Way::cache, asked.question.batch);
  const std::uint64_t rest = *parts.total() - *parts.experts;
  const std::uint64_t of_slot = *asked.model.moe_layers * *asked.model.expert_bytes;
  const std::uint64_t room = asked.gpu.memory_bytes > rest ? asked.gpu.memory_bytes - rest : 0;
  const std::uint64_t slots =
      std::clamp<std::uint64_t>(room / of_slot, asked.model.top_k, asked.model.experts);
  answer.experts_of_layer = static_cast<double>(slots);
  answer.total_bytes = rest + slots * of_slot;
  answer.hit_rate = cache_hit_rate(asked.question.options, answer.experts_of_layer, asked.model.experts,
                                   che_hit_rate(asked.demand, answer.experts_of_layer));
}

std::uint64_t bytes_of_each(const Asked& asked, std::uint32_t gpus) {
  return *memory_parts(expert_share(asked.model, gpus), Approach::all_resident, asked.question.batch,
                       asked.question.options.context_tokens)
              .total();
}

void count_gpus(const Asked& asked, WayAnswer& answer) {
  for (answer.gpus = 2; answer.gpus < gpus_max; ++answer.gpus) {
    if (bytes_of_each(asked, answer.gpus) <= asked.gpu.memory_bytes) break;
  }
  answer.total_bytes = bytes_of_each(asked, answer.gpus);
  answer.experts_of_layer = asked.model.experts;
}

void size_plainly(const Asked& asked, WayAnswer& answer) {
  answer.total_bytes = *parts_of(asked, answer.way, asked.question.batch).total();
  answer.experts_of_layer = answer.way == Way::offload ? 0 : asked.model.experts;
  answer.hit_rate = answer.way == Way::offload ? 0 : 1;
}

/// Not at all where the profile does not know how fast several GPUs exchange.
void time_step(const Asked& asked, WayAnswer& answer) {
  const AnalyticModel share = expert_share(asked.model, answer.gpus);
  const auto exchange =
      peer_exchange(share, {answer.gpus, Parallel::expert}, asked.question.batch, asked.gpu.profile);
  if (exchange && !exchange->ns) return;
  const StepQuestion step{
      approach_of(answer.way),       asked.question.batch, asked.question.options.context_tokens,
      expected_unique(asked.demand), answer.hit_rate,      exchange ? *exchange->ns : 0};
  answer.step = step_time(share, step, asked.gpu.profile);
}

WayAnswer answer_way(const Asked& asked, Way way) {
  WayAnswer answer;
  answer.way = way;
  if (way == Way::cache) {
    size_cache(asked, answer);
  } else if (way == Way::several_gpus) {
    count_gpus(asked, answer);
  } else {
    size_plainly(asked, answer);
  }
  answer.fits = answer.total_bytes <= asked.gpu.memory_bytes;
  time_step(asked, answer);
  return answer;
}

void compare_with_keeping_all(Recommendation& result) {
  const auto all_ns = static_cast<double>(result.of(Way::keep_all).step->overlapped_ns);
  for (WayAnswer& answer : result.answers) {
    if (answer.step) answer.slow_down = static_cast<double>(answer.step->overlapped_ns) / all_ns;
  }
}

std::optional<Way> choose(const Recommendation& result, double slow_down_max) {
  const WayAnswer& cache = result.of(Way::cache);
  if (result.of(Way::keep_all).fits) return Way::keep_all;
  if (cache.fits && *cache.slow_down <= slow_down_max) return Way::cache;
  for (const Way way : {Way::int8, Way::int4, Way::several_gpus, Way::cache, Way::offload}) {
    if (result.of(way).fits) return way;
  }
  return std::nullopt;
}

}  // namespace

const char* way_name(Way way) noexcept {
  constexpr std::array names = {"keep_all", "cache", "int8", "int4", "offload", "several_gpus"};
  return names[static_cast<std::size_t>(way)];
}

Recommendation recommend(const AnalyticModel& model, const AnalyticGpu& gpu,
                         const RecommendQuestion& question) {
  const Asked asked{model, gpu, question,
                    step_demand(model.experts, model.top_k, question.batch, question.options.zipf)};
  Recommendation result;
  for (const Way way : ways) result.answers[static_cast<std::size_t>(way)] = answer_way(asked, way);
  compare_with_keeping_all(result);
  result.chosen = choose(result, question.slow_down_max);
  return result;
}

}  // namespace prophet::analytic
