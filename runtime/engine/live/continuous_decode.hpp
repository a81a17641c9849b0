#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "runtime/engine/live/live_model.hpp"
#include "runtime/engine/live/sampler.hpp"
#include "runtime/engine/step_loop.hpp"

namespace prophet {

/// One sequence to be continued.
struct LiveRequest {
  std::vector<std::uint32_t> prompt;  ///< not empty
  std::uint32_t new_tokens_max = 0;
  /// Tokens that stand in the place of sampled ones, as far as they go: the model reads a given text as if it
  /// had written it. None of them ends the sequence.
  std::vector<std::uint32_t> forced;
};

/// What became of it.
struct Continuation {
  std::vector<std::uint32_t> tokens;  ///< without the prompt
  bool ended = false;  ///< by one of the model's end-of-text ids, which is the last of `tokens`
};

/// A token that a request has got.
struct NewToken {
  std::size_t request = 0;
  std::uint32_t id = 0;
  std::span<const float> logits;  ///< [vocab] that it was chosen by; a view, valid during the call
};

struct DecodeOptions {
  std::uint32_t lanes = 1;
  std::uint32_t prefill_chunk_tokens = 512;  ///< of one pass; not 0
  Sampling sampling;
  bool stops_at_eos = true;
};

/// Decodes requests as continuous batching does: every lane that has a sequence advances by one token a step;
/// a lane whose sequence has ended takes the next request, whose prompt runs first, in passes of that lane
/// alone. The order of steps is a function of the requests and of what is generated.
///
/// The loop, the model and the requests must outlive it. One host thread. No heap allocation in step() after
/// the first steps.
class ContinuousDecode {
 public:
  /// Told of every new token, in order for each request.
  using OnToken = std::function<void(const NewToken& token)>;

  /// Throws Error{usage} for a request without prompt or one that does not fit the model's KV memory, naming
  /// it; and for no lanes.
  ContinuousDecode(StepLoop& loop, LiveModel& model, std::span<const LiveRequest> requests,
                   std::span<const std::uint32_t> eos_ids, std::uint32_t context_tokens,
                   const DecodeOptions& options, OnToken on_token);

  /// Runs one pass or step; false when every request has ended.
  bool step();
  /// As far as they have come, [requests].
  [[nodiscard]] std::span<const Continuation> continuations() const noexcept { return continuations_; }

 private:
  struct Lane {
    std::optional<std::size_t> request;
    std::uint32_t position = 0;  ///< tokens of the sequence that have run
    std::uint32_t next_token = 0;
    std::vector<Sampler> sampler;  ///< of the request: one, or none while the lane is idle
  };

  bool take_request(Lane& lane);
  void prefill(std::uint32_t lane);
  void decode();
  void add_token(Lane& lane, std::span<const float> logits);
  void run(StepKind kind, std::uint32_t logit_rows);
  [[nodiscard]] std::uint32_t next_token(Lane& lane, std::span<const float> logits) const;
  [[nodiscard]] bool is_end(std::uint32_t token) const noexcept;

  StepLoop& loop_;
  LiveModel& model_;
  std::span<const LiveRequest> requests_;
  std::span<const std::uint32_t> eos_ids_;
  DecodeOptions options_;
  OnToken on_token_;
  std::vector<Lane> lanes_;
  std::vector<Continuation> continuations_;
  std::size_t next_request_ = 0;
  std::vector<LiveToken> inputs_;
  std::vector<StepToken> tokens_;
  std::vector<std::uint32_t> running_;  ///< lanes of the decode step
};

/// Tokens that one request may need in a lane.
[[nodiscard]] std::uint64_t sequence_tokens(const LiveRequest& request) noexcept;

}  // namespace prophet
