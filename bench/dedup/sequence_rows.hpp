#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// One row of numbers for each sequence of a trace: what is counted once, so that a resample of sequences is
/// only a mean of rows.
class SequenceRows {
 public:
  SequenceRows(std::size_t sequences, std::size_t width) : width_(width), values_(sequences * width) {}

  [[nodiscard]] std::size_t count() const noexcept { return width_ == 0 ? 0 : values_.size() / width_; }
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] std::span<double> row(std::size_t sequence) noexcept {
    return std::span(values_).subspan(sequence * width_, width_);
  }
  [[nodiscard]] std::span<const double> row(std::size_t sequence) const noexcept {
    return std::span(values_).subspan(sequence * width_, width_);
  }
  /// [width], every sequence with the same weight.
  [[nodiscard]] std::vector<double> mean() const;

 private:
  std::size_t width_;
  std::vector<double> values_;
};

/// Sequences of `among` with at least `tokens` decode tokens, in the same order.
[[nodiscard]] std::vector<SequenceInfo> with_decode_tokens(const RoutingTrace& trace,
                                                           std::span<const SequenceId> among,
                                                           std::uint32_t tokens);

/// [sequences, layers x experts]: the share of a sequence's decode tokens that choose an expert of a layer.
/// REQUIRES: sequences with decode tokens.
[[nodiscard]] SequenceRows expert_shares(const RoutingTrace& trace, std::span<const SequenceInfo> sequences);

/// [sequences, layers x batches]: the distinct experts of a layer in `batch` consecutive decode tokens, the
/// mean over all places of the sequence at which they can start. REQUIRES: sequences with as many decode
/// tokens as the largest batch.
[[nodiscard]] SequenceRows window_uniques(const RoutingTrace& trace, std::span<const SequenceInfo> sequences,
                                          std::span<const std::uint32_t> batches);

}  // namespace prophet
