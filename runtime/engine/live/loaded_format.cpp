#include "runtime/engine/live/loaded_format.hpp"

#include <algorithm>

#include "runtime/cache/make_policy.hpp"
#include "runtime/engine/live/expert_loader.hpp"

namespace prophet {
namespace {

std::unique_ptr<EvictionPolicy> lru(const DecoderConfig& config, const CacheSize& cache) {
  PolicyOptions policy;
  policy.grid = config.shape.grid;
  policy.cache_slabs = cache.cache_slabs;
  return make_policy("lru", policy);
}

EngineOptions engine_options(const LoadedFormatOptions& options) {
  EngineOptions engine;
  engine.cache = options.cache;
  // There is no decode step whose working set a pass could disturb.
  engine.bypass_prefill = false;
  return engine;
}

}  // namespace

void LoadedFormat::ChosenSets::on_layer(const RoutedLayer& routed) {
  const auto first = static_cast<std::ptrdiff_t>(chosen_.size());
  chosen_.insert(chosen_.end(), routed.chosen.begin(), routed.chosen.end());
  for (auto set = chosen_.begin() + first; set != chosen_.end(); set += top_k_) std::sort(set, set + top_k_);
}

LoadedFormat::LoadedFormat(const SharedModel& shared, const kernels::SlabLayout& layout,
                           const LoadedFormatOptions& options)
    : layout_(layout),
      store_(shared.device, shared.config.shape.grid, layout.size_bytes,
             checkpoint_experts(shared.checkpoint, shared.config, layout)),
      kv_(shared.device, kv_shape_of(shared.config, 1, options.context_tokens, options.kv_format)),
      model_(shared.device, shared.config, shared.weights, kv_, layout,
             {options.pass_tokens, options.pass_tokens, false}),
      loop_(shared.device, store_, model_, engine_options(options), lru(shared.config, options.cache),
            nullptr, options.pass_tokens),
      routing_(shared.config.architecture.top_k) {
  model_.set_sink(&routing_);
  loop_.preload();
}

void LoadedFormat::read(std::span<const std::uint32_t> ids, std::uint32_t first) {
  inputs_.clear();
  tokens_.clear();
  for (std::uint32_t t = 0; t < ids.size(); ++t) {
    inputs_.push_back({LaneId{0}, ids[t], first + t});
    tokens_.push_back({LaneId{0}, t, first + t == 0});
  }
  routing_.clear();
  model_.set_inputs(inputs_, static_cast<std::uint32_t>(ids.size()), StepKind::prefill);
  loop_.step(StepKind::prefill, tokens_);
}

}  // namespace prophet
