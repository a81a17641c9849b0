#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prophet/ids.hpp"
#include "runtime/cache/request_groups.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Which sequences of a trace are replayed, and which only train or calibrate.
struct SequenceSplit {
  std::vector<SequenceId> train;
  std::vector<SequenceId> test;  ///< in file order
  std::uint32_t skipped = 0;     ///< left out of both because of their flags
};

/// Sequences with a flag of `skip_flags` are left out; of the rest round(train_fraction * n), drawn by
/// `seed`, train. Throws Error{usage} for a fraction outside [0, 1), and Error{bad_input} when no sequence is
/// left to replay or one that is left is a batched decode step, which has no order in time.
[[nodiscard]] SequenceSplit split_sequences(const RoutingTrace& trace, std::uint32_t skip_flags,
                                            double train_fraction, std::uint64_t seed);

/// One token of a step.
struct StepToken {
  LaneId lane;
  std::uint64_t row = 0;  ///< in the trace
  bool starts_sequence = false;
};

enum class StepKind : std::uint8_t { decode, prefill };

struct ScheduleOptions {
  std::uint32_t lanes = 1;
  std::uint64_t steps = 0;                   ///< stop after so many decode steps; 0: when the trace ends
  std::uint32_t prefill_chunk_tokens = 512;  ///< prompt tokens of one prefill pass; not 0
};

/// Turns sequences into steps, as continuous batching does: all lanes advance by one token a decode step; a
/// lane whose sequence has ended takes the next one, whose prompt tokens, if it has any, run first as prefill
/// passes of that lane alone. Ends when a lane finds no further sequence, so that the batch is full in every
/// step, or after `steps`. A cursor: copy it to start again. The trace and the sequence list must outlive it.
class BatchSchedule {
 public:
  /// Throws Error{usage} when there are no lanes, more than limits::lanes_max, or more than sequences, and
  /// for prefill passes of no tokens.
  BatchSchedule(const RoutingTrace& trace, std::span<const SequenceId> sequences,
                const ScheduleOptions& options);

  /// Moves to the next step; false at the end.
  bool next();
  [[nodiscard]] StepKind kind() const noexcept { return kind_; }
  /// The current step's tokens: one per lane in decode, up to prefill_chunk_tokens of one lane in prefill.
  [[nodiscard]] std::span<const StepToken> tokens() const noexcept { return tokens_; }
  /// Upper bound of tokens().size().
  [[nodiscard]] std::uint32_t tokens_max() const noexcept { return tokens_max_; }
  [[nodiscard]] std::uint32_t lanes() const noexcept { return static_cast<std::uint32_t>(lanes_.size()); }

 private:
  struct Lane {
    std::size_t sequence = 0;    ///< position in sequences_
    std::uint32_t position = 0;  ///< next token within the sequence
    std::uint32_t first_decode = 0;
  };
  bool refill(Lane& lane);
  bool prefill_step();
  [[nodiscard]] const SequenceInfo& info(const Lane& lane) const noexcept;

  const RoutingTrace* trace_;
  std::span<const SequenceId> sequences_;
  ScheduleOptions options_;
  std::vector<Lane> lanes_;
  std::vector<StepToken> tokens_;
  std::size_t next_sequence_ = 0;
  std::uint64_t decode_steps_ = 0;
  std::uint32_t tokens_max_ = 0;
  StepKind kind_ = StepKind::decode;
  bool exhausted_ = false;
};

/// What a router recorded in the trace chose for `tokens` in `layer`, [tokens, top_k] by rank, into `chosen`,
/// which has that size.
void read_choices(const RoutingTrace& trace, LayerId layer, std::span<const StepToken> tokens,
                  std::span<ExpertId> chosen) noexcept;

/// What the schedule will ask of a cache: one group per layer of each step.
[[nodiscard]] RequestGroups collect_requests(const RoutingTrace& trace, BatchSchedule schedule);

/// How often each expert is chosen in `sequences`, [layers * experts].
[[nodiscard]] std::vector<std::uint64_t> count_popularity(const RoutingTrace& trace,
                                                          std::span<const SequenceId> sequences);

}  // namespace prophet
