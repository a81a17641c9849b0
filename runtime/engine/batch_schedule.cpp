#include "runtime/engine/batch_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/random.hpp"
#include "runtime/engine/layer_requests.hpp"

namespace prophet {
namespace {

std::vector<SequenceId> kept_sequences(const RoutingTrace& trace, std::uint32_t skip_flags) {
  std::vector<SequenceId> kept;
  for (std::uint32_t s = 0; s < trace.sequences().size(); ++s) {
    const SequenceInfo& info = trace.sequences()[s];
    if (info.tokens == 0 || (info.flags & skip_flags) != 0) continue;
    if ((info.flags & sequence_flags::batched_step) != 0) {
      throw Error(
          ErrorCode::bad_input,
          fmt::format("sequence {} of the trace is a batched decode step (flag 4), not a sequence: expected "
                      "sequences in time order; leave such rows out with --skip-flags {}",
                      s, skip_flags | sequence_flags::batched_step));
    }
    kept.push_back(SequenceId{s});
  }
  return kept;
}

/// The first `count` of a seeded shuffle.
std::vector<SequenceId> draw(std::vector<SequenceId> from, std::size_t count, std::uint64_t seed) {
  Random random(seed);
  for (std::size_t i = 0; i < count; ++i) std::swap(from[i], from[i + random.below(from.size() - i)]);
  from.resize(count);
  std::sort(from.begin(), from.end());
  return from;
}

}  // namespace

SequenceSplit split_sequences(const RoutingTrace& trace, std::uint32_t skip_flags, double train_fraction,
                              std::uint64_t seed) {
  if (!(train_fraction >= 0.0 && train_fraction < 1.0)) {
    throw Error(ErrorCode::usage,
                fmt::format("--train-fraction {}: expected a number in [0, 1)", train_fraction));
  }
  const std::vector<SequenceId> kept = kept_sequences(trace, skip_flags);
  SequenceSplit split;
  split.skipped = static_cast<std::uint32_t>(trace.sequences().size() - kept.size());
  const auto train =
      static_cast<std::size_t>(std::llround(train_fraction * static_cast<double>(kept.size())));
  split.train = draw(kept, train, seed);
  std::set_difference(kept.begin(), kept.end(), split.train.begin(), split.train.end(),
                      std::back_inserter(split.test));
  if (split.test.empty()) {
    throw Error(
        ErrorCode::bad_input,
        fmt::format(
            "the trace has {} sequences, of which --skip-flags {} leaves out {} and training takes {}: "
            "expected at least one to replay (--train-trace names another trace to learn from; a .npy is one "
            "sequence, a .npz may hold several)",
            trace.sequences().size(), skip_flags, split.skipped, train));
  }
  return split;
}

BatchSchedule::BatchSchedule(const RoutingTrace& trace, std::span<const SequenceId> sequences,
                             const ScheduleOptions& options)
    : trace_(&trace), sequences_(sequences), options_(options) {
  if (options.lanes == 0 || options.lanes > limits::lanes_max) {
    throw Error(ErrorCode::usage,
                fmt::format("--batch {}: expected 1 to {} lanes", options.lanes, limits::lanes_max));
  }
  if (options.prefill_chunk_tokens == 0) {
    throw Error(ErrorCode::usage, "prefill passes of 0 tokens: expected at least 1");
  }
  if (options.lanes > sequences.size()) {
    throw Error(
        ErrorCode::usage,
        fmt::format("--batch {}: expected at most {} lanes, as many as there are sequences to replay (of {} "
                    "in the trace; the others are skipped by flags or only train)",
                    options.lanes, sequences.size(), trace.sequences().size()));
  }
  std::uint32_t prefill_max = 0;
  for (const SequenceId s : sequences)
    prefill_max = std::max(prefill_max, trace.sequences()[s.index()].prefill_tokens);
  tokens_max_ = std::max(options.lanes, std::min(prefill_max, options.prefill_chunk_tokens));
  tokens_.reserve(tokens_max_);
  lanes_.resize(options.lanes);
  for (Lane& lane : lanes_) refill(lane);
}

const SequenceInfo& BatchSchedule::info(const Lane& lane) const noexcept {
  return trace_->sequences()[sequences_[lane.sequence].index()];
}

bool BatchSchedule::refill(Lane& lane) {
  if (next_sequence_ == sequences_.size()) return false;
  lane.sequence = next_sequence_++;
  lane.position = 0;
  lane.first_decode = info(lane).prefill_tokens;
  return true;
}

bool BatchSchedule::prefill_step() {
  for (std::uint32_t l = 0; l < lanes_.size(); ++l) {
    Lane& lane = lanes_[l];
    if (lane.position >= lane.first_decode) continue;
    kind_ = StepKind::prefill;
    const std::uint32_t left = lane.first_decode - lane.position;
    const std::uint32_t end = lane.position + std::min(left, options_.prefill_chunk_tokens);
    for (; lane.position < end; ++lane.position) {
      tokens_.push_back({LaneId{l}, info(lane).first_token + lane.position, lane.position == 0});
    }
    return true;
  }
  return false;
}

bool BatchSchedule::next() {
  tokens_.clear();
  for (Lane& lane : lanes_) {
    while (!exhausted_ && lane.position >= info(lane).tokens) exhausted_ = !refill(lane);
  }
  if (exhausted_ || (options_.steps != 0 && decode_steps_ == options_.steps)) return false;
  if (prefill_step()) return true;
  kind_ = StepKind::decode;
  for (std::uint32_t l = 0; l < lanes_.size(); ++l) {
    Lane& lane = lanes_[l];
    tokens_.push_back({LaneId{l}, info(lane).first_token + lane.position, lane.position == 0});
    ++lane.position;
  }
  ++decode_steps_;
  return true;
}

void read_choices(const RoutingTrace& trace, LayerId layer, std::span<const StepToken> tokens,
                  std::span<ExpertId> chosen) noexcept {
  std::size_t at = 0;
  for (const StepToken& token : tokens) {
    for (std::uint32_t r = 0; r < trace.shape().top_k; ++r) chosen[at++] = trace.expert(token.row, layer, r);
  }
}

RequestGroups collect_requests(const RoutingTrace& trace, BatchSchedule schedule) {
  RequestGroups groups;
  groups.grid = trace.shape().grid;
  LayerRequests layer_requests(groups.grid, trace.shape().top_k, schedule.tokens_max());
  while (schedule.next()) {
    for (std::uint32_t l = 0; l < groups.grid.layers; ++l) {
      const std::span<const StepToken> tokens = schedule.tokens();
      read_choices(trace, LayerId{l}, tokens, layer_requests.choices(tokens.size()));
      layer_requests.gather(LayerId{l}, tokens.size());
      groups.append(layer_requests.wanted(), schedule.kind() == StepKind::prefill);
    }
  }
  return groups;
}

std::vector<std::uint64_t> count_popularity(const RoutingTrace& trace,
                                            std::span<const SequenceId> sequences) {
  const TraceShape& shape = trace.shape();
  std::vector<std::uint64_t> counts(shape.grid.size(), 0);
  for (const SequenceId s : sequences) {
    const SequenceInfo& info = trace.sequences()[s.index()];
    for (std::uint64_t row = info.first_token; row < info.first_token + info.tokens; ++row) {
      for (std::uint32_t l = 0; l < shape.grid.layers; ++l) {
        for (std::uint32_t r = 0; r < shape.top_k; ++r) {
          ++counts[shape.grid.index(LayerId{l}, trace.expert(row, LayerId{l}, r)).index()];
        }
      }
    }
  }
  return counts;
}

}  // namespace prophet
