#include "runtime/engine/live/continuous_decode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "prophet/error.hpp"

namespace prophet {

std::uint64_t sequence_tokens(const LiveRequest& request) noexcept {
  return std::uint64_t{request.prompt.size()} + request.new_tokens_max;
}

ContinuousDecode::ContinuousDecode(StepLoop& loop, LiveModel& model, std::span<const LiveRequest> requests,
                                   std::span<const std::uint32_t> eos_ids, std::uint32_t context_tokens,
                                   const DecodeOptions& options, OnToken on_token)
    : loop_(loop),
      model_(model),
      requests_(requests),
      eos_ids_(eos_ids),
      options_(options),
      on_token_(std::move(on_token)),
      lanes_(options.lanes),
      continuations_(requests.size()) {
  check_sampling(options.sampling);
  if (options.lanes == 0 || options.prefill_chunk_tokens == 0) {
    throw Error(ErrorCode::usage, "decoding: expected at least one lane and one token a prefill pass");
  }
  for (std::size_t r = 0; r < requests.size(); ++r) {
    if (requests[r].prompt.empty())
      throw Error(ErrorCode::usage, fmt::format("prompt {} is empty: expected at least one token", r));
    if (sequence_tokens(requests[r]) <= context_tokens) continue;
    throw Error(ErrorCode::usage,
                fmt::format("prompt {}: {} tokens and {} new ones, expected at most {} together: the context",
                            r, requests[r].prompt.size(), requests[r].new_tokens_max, context_tokens));
  }
  for (std::size_t r = 0; r < requests.size(); ++r)
    continuations_[r].tokens.reserve(requests[r].new_tokens_max);
}

bool ContinuousDecode::step() {
  for (std::uint32_t l = 0; l < lanes_.size(); ++l) {
    Lane& lane = lanes_[l];
    if (!lane.request && !take_request(lane)) continue;
    if (lane.position < requests_[*lane.request].prompt.size()) {
      prefill(l);
      return true;
    }
  }
  if (std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.request.has_value(); }))
    return false;
  decode();
  return true;
}

bool ContinuousDecode::take_request(Lane& lane) {
  while (next_request_ < requests_.size() && requests_[next_request_].new_tokens_max == 0) ++next_request_;
  if (next_request_ == requests_.size()) return false;
  lane.request = next_request_++;
  lane.position = 0;
  lane.sampler.assign(1, Sampler(options_.sampling, *lane.request));
  return true;
}

void ContinuousDecode::prefill(std::uint32_t l) {
  Lane& lane = lanes_[l];
  const std::vector<std::uint32_t>& prompt = requests_[*lane.request].prompt;
  const auto end = static_cast<std::uint32_t>(
      std::min<std::size_t>(prompt.size(), std::size_t{lane.position} + options_.prefill_chunk_tokens));
  inputs_.clear();
  for (; lane.position < end; ++lane.position)
    inputs_.push_back({LaneId{l}, prompt[lane.position], lane.position});
  const bool is_last = end == prompt.size();
  run(StepKind::prefill, is_last ? 1 : 0);
  if (is_last) add_token(lane, model_.logits());
}

void ContinuousDecode::decode() {
  inputs_.clear();
  running_.clear();
  for (std::uint32_t l = 0; l < lanes_.size(); ++l) {
    Lane& lane = lanes_[l];
    if (!lane.request) continue;
    inputs_.push_back({LaneId{l}, lane.next_token, lane.position++});
    running_.push_back(l);
  }
  run(StepKind::decode, static_cast<std::uint32_t>(running_.size()));
  const std::span<const float> logits = model_.logits();
  const std::size_t vocab = logits.size() / running_.size();
  for (std::size_t i = 0; i < running_.size(); ++i)
    add_token(lanes_[running_[i]], logits.subspan(i * vocab, vocab));
}

void ContinuousDecode::run(StepKind kind, std::uint32_t logit_rows) {
  tokens_.clear();
  for (std::size_t t = 0; t < inputs_.size(); ++t)
    tokens_.push_back({inputs_[t].lane, t, inputs_[t].position == 0});
  model_.set_inputs(inputs_, logit_rows, kind);
  loop_.step(kind, tokens_);
}

std::uint32_t ContinuousDecode::next_token(Lane& lane, std::span<const float> logits) const {
  const LiveRequest& request = requests_[*lane.request];
  const std::size_t done = continuations_[*lane.request].tokens.size();
  return done < request.forced.size() ? request.forced[done] : lane.sampler.front().next(logits);
}

void ContinuousDecode::add_token(Lane& lane, std::span<const float> logits) {
  const std::size_t request = *lane.request;
  Continuation& continuation = continuations_[request];
  const bool is_given = continuation.tokens.size() < requests_[request].forced.size();
  lane.next_token = next_token(lane, logits);
  continuation.tokens.push_back(lane.next_token);
  continuation.ended = options_.stops_at_eos && !is_given && is_end(lane.next_token);
  if (continuation.ended || continuation.tokens.size() == requests_[request].new_tokens_max)
    lane.request.reset();
  if (on_token_) on_token_({request, lane.next_token, logits});
}

bool ContinuousDecode::is_end(std::uint32_t token) const noexcept {
  return std::find(eos_ids_.begin(), eos_ids_.end(), token) != eos_ids_.end();
}

}  // namespace prophet
