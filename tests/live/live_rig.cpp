#include "tests/live/live_rig.hpp"

#include <algorithm>

#include "runtime/cache/make_policy.hpp"

namespace prophet::testing {
namespace {

RigOptions settled(RigOptions options, const DecoderConfig& config) {
  if (options.engine.cache.cache_slabs == 0) options.engine.cache.cache_slabs = config.shape.grid.size();
  return options;
}

std::unique_ptr<EvictionPolicy> policy_of(const DecoderConfig& config, const RigOptions& options) {
  PolicyOptions policy;
  policy.grid = config.shape.grid;
  policy.cache_slabs = options.engine.cache.cache_slabs;
  const std::vector<std::uint64_t> alike(config.shape.grid.size(), 1);
  policy.popularity = options.popularity.empty() ? alike : options.popularity;
  policy.future = options.future;
  return make_policy(options.policy, policy);
}

LiveOptions live_options(const RigOptions& options) {
  LiveOptions live;
  live.tokens_max = live.logit_rows_max = options.tokens_max;
  live.routers_ahead = options.predictor == nullptr ? 0 : options.predictor->wants_ahead();
  live.records_hidden = options.records_hidden;
  return live;
}

}  // namespace

LiveRig::LiveRig(Device& device, const std::filesystem::path& folder, const RigOptions& options)
    : weights_(device, folder, options.expert_format),
      options_(settled(options, weights_.config())),
      kv_(device,
          kv_shape_of(weights_.config(), options_.lanes, options_.context_tokens, options_.kv_format)),
      model_(device, weights_.config(), weights_.dense(), kv_, weights_.layout(), live_options(options_)),
      loop_(device, weights_.store(), model_, options_.engine, policy_of(weights_.config(), options_),
            options_.predictor, options_.tokens_max) {}

std::span<const float> LiveRig::step(StepKind kind, std::span<const LiveToken> inputs) {
  tokens_.clear();
  for (const LiveToken& token : inputs) tokens_.push_back({token.lane, 0, token.position == 0});
  model_.set_inputs(inputs, static_cast<std::uint32_t>(inputs.size()), kind);
  loop_.step(kind, tokens_);
  return model_.logits();
}

std::vector<float> LiveRig::logits_of(std::span<const std::uint32_t> ids, std::uint32_t pass_tokens,
                                      StepKind kind) {
  std::vector<float> all;
  std::vector<LiveToken> inputs;
  for (std::uint32_t first = 0; first < ids.size(); first += pass_tokens) {
    inputs.clear();
    const auto end = std::min<std::uint32_t>(first + pass_tokens, static_cast<std::uint32_t>(ids.size()));
    for (std::uint32_t t = first; t < end; ++t) inputs.push_back({LaneId{0}, ids[t], t});
    const std::span<const float> logits = step(kind, inputs);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

std::vector<Continuation> LiveRig::decode(std::span<const LiveRequest> requests,
                                          const DecodeOptions& options) {
  ContinuousDecode decode(loop_, model_, requests, weights_.config().eos_ids, options_.context_tokens,
                          options, {});
  while (decode.step()) {
  }
  return {decode.continuations().begin(), decode.continuations().end()};
}

}  // namespace prophet::testing
