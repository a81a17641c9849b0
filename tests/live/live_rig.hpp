#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/cache/request_groups.hpp"
#include "runtime/device/device.hpp"
#include "runtime/engine/live/continuous_decode.hpp"
#include "runtime/engine/live/live_model.hpp"
#include "runtime/engine/live/live_weights.hpp"
#include "runtime/engine/step_loop.hpp"

namespace prophet::testing {

/// How a rig keeps its experts and steps.
struct RigOptions {
  std::string policy = "lru";
  std::vector<std::uint64_t> popularity;  ///< for `static`; empty: all experts are alike
  const RequestGroups* future = nullptr;  ///< for `belady`
  Predictor* predictor = nullptr;         ///< told of the logits ahead that it wants
  bool records_hidden = false;            ///< see LiveOptions
  EngineOptions engine;                   ///< cache_slabs 0: every expert has one
  kernels::FloatFormat kv_format = kernels::FloatFormat::fp32;
  std::optional<kernels::ExpertFormat> expert_format;
  std::uint32_t lanes = 1;
  std::uint32_t context_tokens = 512;
  std::uint32_t tokens_max = 256;
};

/// A live model on a device, ready to step. The device must outlive it.
class LiveRig {
 public:
  LiveRig(Device& device, const std::filesystem::path& folder, const RigOptions& options);

  /// Runs one step and returns the logits of all its tokens, [tokens, vocab]; valid until the next. A token
  /// at position 0 starts a sequence.
  std::span<const float> step(StepKind kind, std::span<const LiveToken> inputs);
  /// Runs `ids` as one sequence of lane 0 in passes of at most `pass_tokens`, from position 0 on, and returns
  /// the logits at every position, [ids, vocab].
  [[nodiscard]] std::vector<float> logits_of(std::span<const std::uint32_t> ids, std::uint32_t pass_tokens,
                                             StepKind kind = StepKind::prefill);
  /// Continues each request to its end.
  [[nodiscard]] std::vector<Continuation> decode(std::span<const LiveRequest> requests,
                                                 const DecodeOptions& options);

  [[nodiscard]] LiveModel& model() noexcept { return model_; }
  [[nodiscard]] StepLoop& loop() noexcept { return loop_; }
  [[nodiscard]] const LiveWeights& weights() const noexcept { return weights_; }

 private:
  LiveWeights weights_;
  RigOptions options_;
  KvMemory kv_;
  LiveModel model_;
  StepLoop loop_;
  std::vector<StepToken> tokens_;
};

}  // namespace prophet::testing
