#include "tests/live/identity_pool.hpp"

#include <utility>

#include "kernels/checksum.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/engine/live/routing_sink.hpp"
#include "tests/live/live_rig.hpp"

namespace prophet::testing {
namespace {

/// Takes down a sequence that runs in one pass.
class PassRouting final : public RoutingSink {
 public:
  explicit PassRouting(ExpertGrid grid) : layers_(grid.layers) {}
  void on_layer(const RoutedLayer& routed) override {
    layers_[routed.layer.index()].assign(routed.chosen.begin(), routed.chosen.end());
  }
  /// Appends [tokens, layers, top_k] ids of one byte.
  void append_to(std::vector<std::byte>& ids, std::size_t tokens) const {
    const std::size_t top_k = layers_.front().size() / tokens;
    for (std::size_t t = 0; t < tokens; ++t) {
      for (const std::vector<ExpertId>& chosen : layers_) {
        for (std::size_t r = 0; r < top_k; ++r)
          ids.push_back(static_cast<std::byte>(chosen[t * top_k + r].value));
      }
    }
  }

 private:
  std::vector<std::vector<ExpertId>> layers_;  ///< [layers][tokens * top_k]
};

std::vector<std::uint32_t> draw_ids(Random& random, std::uint32_t vocab) {
  std::vector<std::uint32_t> ids(IdentityPool::tokens_min +
                                 random.below(IdentityPool::tokens_max - IdentityPool::tokens_min + 1));
  for (std::uint32_t& id : ids) id = static_cast<std::uint32_t>(random.below(vocab));
  return ids;
}

}  // namespace

std::uint64_t logits_checksum(std::span<const float> logits) noexcept {
  return kernels::checksum(std::as_bytes(logits));
}

IdentityPool::IdentityPool(std::filesystem::path model, std::optional<kernels::ExpertFormat> format,
                           Random& random)
    : model_(std::move(model)), format_(format), config_(load_decoder_config(model_)) {
  const auto device = make_cpu_device({});
  RigOptions options;
  options.expert_format = format_;
  options.context_tokens = tokens_max;
  options.tokens_max = tokens_max;
  LiveRig rig(*device, model_, options);
  rig.loop().preload();
  PassRouting routing(config_.shape.grid);
  rig.model().set_sink(&routing);
  std::vector<std::byte> trace_ids;
  std::vector<SequenceInfo> infos;
  const std::size_t vocab = config_.architecture.vocab_size;
  std::uint64_t first_token = 0;
  for (std::uint32_t s = 0; s < sequences; ++s) {
    ids_.push_back(draw_ids(random, config_.architecture.vocab_size));
    const auto tokens = static_cast<std::uint32_t>(ids_.back().size());
    const std::vector<float> logits = rig.logits_of(ids_.back(), tokens);
    logits_.emplace_back();
    for (std::size_t t = 0; t < tokens; ++t)
      logits_.back().push_back(logits_checksum(std::span(logits).subspan(t * vocab, vocab)));
    routing.append_to(trace_ids, tokens);
    infos.push_back({first_token, tokens, 0, 0});
    first_token += tokens;
  }
  TraceShape shape;
  shape.grid = config_.shape.grid;
  shape.top_k = config_.shape.top_k;
  trace_ = RoutingTrace(shape, {}, std::move(infos), std::move(trace_ids), {});
}

}  // namespace prophet::testing
