#include "bench/analytic/memory_parts.hpp"

#include <algorithm>
#include <cmath>

#include "bench/analytic/expert_demand.hpp"
#include "prophet/limits.hpp"

namespace prophet::analytic {
namespace {

using MaybeBytes = std::optional<std::uint64_t>;

/// Of an offload: the layer that computes and the one that arrives.
constexpr double offload_layers = 2;

bool caches(Approach approach) {
  return approach == Approach::prophet || approach == Approach::static_hot ||
         approach == Approach::prophet_int8;
}

bool forecasts(Approach approach) {
  return approach == Approach::prophet || approach == Approach::prophet_int8;
}

/// Of so many of a layer.
double experts_of_gpu(const AnalyticModel& model, double experts) {
  const double each = experts / model.expert_gpus;
  return model.whole_experts ? std::ceil(each) : each;
}

MaybeBytes experts_bytes(const AnalyticModel& model, Approach approach, std::uint64_t batch) {
  const MaybeBytes each = expert_bytes_of(model, approach);
  if (!each || !model.moe_layers) return std::nullopt;
  const double slots = resident_experts(model, approach, batch) * *model.moe_layers;
  return static_cast<std::uint64_t>(std::llround(slots * static_cast<double>(*each)));
}

/// None where all experts stay and the model's catalogue is of this runtime, which then forecasts nothing.
MaybeBytes own_bytes(const AnalyticModel& model, Approach approach, std::uint64_t batch) {
  const MaybeBytes each = expert_bytes_of(model, approach);
  if (!caches(approach)) return 0;
  const std::uint64_t predictor = forecasts(approach) ? model.predictor_bytes : 0;
  if (!model.stages) return predictor;
  const double held = experts_of_gpu(model, model.experts);
  if (resident_experts(model, approach, batch) >= held) return 0;
  if (!each) return std::nullopt;
  return predictor + static_cast<std::uint64_t>(std::min<double>(model.top_k, held)) * *each;
}

bool within(const AnalyticModel& model, Approach approach, std::uint64_t batch, std::uint64_t context_tokens,
            std::uint64_t memory_bytes) {
  const MaybeBytes total = memory_parts(model, approach, batch, context_tokens).total();
  return total && *total <= memory_bytes;
}

/// The largest n in [0, most] for which `holds`, which is true up to it and false beyond.
template <typename Holds>
std::uint64_t largest(std::uint64_t most, Holds holds) {
  std::uint64_t low = 0;
  while (low < most) {
    const std::uint64_t middle = low + (most - low + 1) / 2;
    holds(middle) ? low = middle : most = middle - 1;
  }
  return low;
}

}  // namespace

std::optional<std::uint64_t> MemoryParts::total() const {
  if (!non_expert || !experts || !kv || !activations || !own) return std::nullopt;
  return *non_expert + *experts + *kv + *activations + *own;
}

double resident_experts(const AnalyticModel& model, Approach approach, std::uint64_t batch) {
  if (!caches(approach) && approach != Approach::offload) return experts_of_gpu(model, model.experts);
  if (caches(approach) && model.cache_experts)
    return experts_of_gpu(model, std::min(model.experts, *model.cache_experts));
  const double unique =
      unique_power_law(model.experts, model.top_k, static_cast<double>(batch), model.dedup_exponent);
  const double kept = experts_of_gpu(model, unique);
  if (approach != Approach::offload) return kept;
  const double layers = model.moe_layers.value_or(1);
  return kept * std::min(1.0, offload_layers / layers);
}

MemoryParts memory_parts(const AnalyticModel& model, Approach approach, std::uint64_t batch,
                         std::uint64_t context_tokens) {
  const std::uint64_t sequences = sequences_of_gpu(model, batch);
  MemoryParts parts;
  parts.non_expert = model.non_expert_bytes;
  parts.experts = experts_bytes(model, approach, batch);
  if (const MaybeBytes each = sequence_kv_bytes(model, context_tokens)) parts.kv = sequences * *each;
  parts.activations = activation_bytes(model, sequences);
  parts.own = own_bytes(model, approach, batch);
  return parts;
}

std::optional<std::uint64_t> context_tokens_max(const AnalyticModel& model, Approach approach,
                                                std::uint64_t batch, std::uint64_t memory_bytes) {
  const MemoryParts parts = memory_parts(model, approach, batch, 0);
  const MaybeBytes fixed = parts.total();
  if (!fixed) return std::nullopt;
  if (*fixed >= memory_bytes) return 0;
  const std::uint64_t each = (memory_bytes - *fixed + *parts.kv) / sequences_of_gpu(model, batch);
  return largest(limits::context_tokens_max,
                 [&](std::uint64_t tokens) { return *sequence_kv_bytes(model, tokens) <= each; });
}

std::optional<std::uint64_t> batch_size_max(const AnalyticModel& model, Approach approach,
                                            std::uint64_t context_tokens, std::uint64_t memory_bytes) {
  if (!memory_parts(model, approach, 1, context_tokens).total()) return std::nullopt;
  return largest(batch_max, [&](std::uint64_t batch) {
    return batch == 0 || within(model, approach, batch, context_tokens, memory_bytes);
  });
}

const char* extension_outcome_name(ExtensionOutcome outcome) noexcept {
  switch (outcome) {
    case ExtensionOutcome::ratio:
      return "ratio";
    case ExtensionOutcome::enabled:
      return "enabled";
    case ExtensionOutcome::neither:
      return "neither";
    case ExtensionOutcome::resident_only:
      return "resident only";
    case ExtensionOutcome::unknown:
      return "unknown";
  }
  return "";
}

ContextExtension context_extension(std::optional<std::uint64_t> all_resident_tokens,
                                   std::optional<std::uint64_t> cached_tokens) {
  if (!all_resident_tokens || !cached_tokens) return {};
  if (*cached_tokens == 0)
    return {*all_resident_tokens == 0 ? ExtensionOutcome::neither : ExtensionOutcome::resident_only, {}};
  if (*all_resident_tokens == 0) return {ExtensionOutcome::enabled, {}};
  return {ExtensionOutcome::ratio,
          static_cast<double>(*cached_tokens) / static_cast<double>(*all_resident_tokens)};
}

}  // namespace prophet::analytic
