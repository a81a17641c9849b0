#include "bench/dedup/sequence_rows.hpp"

#include <algorithm>

namespace prophet {
namespace {

std::uint64_t first_decode_token(const SequenceInfo& sequence) {
  return sequence.first_token + sequence.prefill_tokens;
}

std::uint32_t decode_tokens(const SequenceInfo& sequence) {
  return sequence.tokens - std::min(sequence.tokens, sequence.prefill_tokens);
}

/// How many different experts of one layer a window holds that moves on by one token at a time.
class Window {
 public:
  Window(const RoutingTrace& trace, LayerId layer)
      : trace_(&trace), layer_(layer), uses_(trace.shape().grid.experts) {}

  void take(std::uint64_t token) {
    for (std::uint32_t rank = 0; rank < trace_->shape().top_k; ++rank)
      distinct_ += uses_[trace_->expert(token, layer_, rank).index()]++ == 0 ? 1 : 0;
  }
  void drop(std::uint64_t token) {
    for (std::uint32_t rank = 0; rank < trace_->shape().top_k; ++rank)
      distinct_ -= --uses_[trace_->expert(token, layer_, rank).index()] == 0 ? 1 : 0;
  }
  [[nodiscard]] std::uint32_t distinct() const noexcept { return distinct_; }

 private:
  const RoutingTrace* trace_;
  LayerId layer_;
  std::vector<std::uint32_t> uses_;  // [experts]
  std::uint32_t distinct_ = 0;
};

double mean_of_windows(const RoutingTrace& trace, const SequenceInfo& sequence, LayerId layer,
                       std::uint32_t batch) {
  Window window(trace, layer);
  const std::uint64_t first = first_decode_token(sequence);
  const std::uint32_t tokens = decode_tokens(sequence);
  std::uint64_t sum = 0;
  for (std::uint32_t t = 0; t < tokens; ++t) {
    window.take(first + t);
    if (t + 1 < batch) continue;
    sum += window.distinct();
    window.drop(first + t + 1 - batch);
  }
  return static_cast<double>(sum) / (tokens - batch + 1);
}

}  // namespace

std::vector<double> SequenceRows::mean() const {
  std::vector<double> sums(width_);
  for (std::size_t s = 0; s < count(); ++s) {
    const std::span<const double> own = row(s);
    for (std::size_t i = 0; i < width_; ++i) sums[i] += own[i];
  }
  for (double& sum : sums) sum /= static_cast<double>(count());
  return sums;
}

std::vector<SequenceInfo> with_decode_tokens(const RoutingTrace& trace, std::span<const SequenceId> among,
                                             std::uint32_t tokens) {
  std::vector<SequenceInfo> long_enough;
  for (const SequenceId id : among) {
    const SequenceInfo& sequence = trace.sequences()[id.index()];
    if (decode_tokens(sequence) >= tokens) long_enough.push_back(sequence);
  }
  return long_enough;
}

SequenceRows expert_shares(const RoutingTrace& trace, std::span<const SequenceInfo> sequences) {
  const TraceShape& shape = trace.shape();
  SequenceRows rows(sequences.size(), shape.grid.size());
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const std::span<double> shares = rows.row(s);
    const std::uint64_t first = first_decode_token(sequences[s]);
    const std::uint32_t tokens = decode_tokens(sequences[s]);
    for (std::uint64_t token = first; token < first + tokens; ++token) {
      for (std::uint32_t layer = 0; layer < shape.grid.layers; ++layer) {
        for (std::uint32_t rank = 0; rank < shape.top_k; ++rank)
          shares[shape.grid.index(LayerId{layer}, trace.expert(token, LayerId{layer}, rank)).index()] += 1;
      }
    }
    for (double& share : shares) share /= tokens;
  }
  return rows;
}

SequenceRows window_uniques(const RoutingTrace& trace, std::span<const SequenceInfo> sequences,
                            std::span<const std::uint32_t> batches) {
  const std::uint32_t layers = trace.shape().grid.layers;
  SequenceRows rows(sequences.size(), layers * batches.size());
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const std::span<double> row = rows.row(s);
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      for (std::size_t b = 0; b < batches.size(); ++b)
        row[layer * batches.size() + b] = mean_of_windows(trace, sequences[s], LayerId{layer}, batches[b]);
    }
  }
  return rows;
}

}  // namespace prophet
