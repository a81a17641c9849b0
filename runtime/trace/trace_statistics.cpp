#include "runtime/trace/trace_statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

#include "prophet/error.hpp"
#include "runtime/base/random.hpp"

namespace prophet {
namespace {

constexpr std::array<std::uint32_t, 6> batches{1, 4, 8, 16, 32, 64};
constexpr std::array fractions{0.10, 0.25, 0.50};

/// Counts different experts; starting anew costs nothing.
class DistinctCounter {
 public:
  explicit DistinctCounter(std::uint32_t experts) : seen_in_(experts, 0) {}
  void start() noexcept { ++round_; }
  /// True when the expert was not there since start().
  bool add(ExpertId expert) { return std::exchange(seen_in_[expert.index()], round_) != round_; }
  [[nodiscard]] bool has(ExpertId expert) const { return seen_in_[expert.index()] == round_; }

 private:
  std::vector<std::uint64_t> seen_in_;
  std::uint64_t round_ = 0;
};

std::vector<SequenceInfo> kept_sequences(const RoutingTrace& trace, std::uint32_t skip_flags) {
  std::vector<SequenceInfo> kept;
  for (const SequenceInfo& sequence : trace.sequences()) {
    if ((sequence.flags & skip_flags) == 0) kept.push_back(sequence);
  }
  return kept;
}

std::uint64_t count_distinct(const RoutingTrace& trace, const std::vector<std::uint64_t>& rows,
                             DistinctCounter& counter) {
  std::uint64_t distinct = 0;
  for (std::uint32_t layer = 0; layer < trace.shape().grid.layers; ++layer) {
    counter.start();
    for (const std::uint64_t row : rows) {
      for (std::uint32_t rank = 0; rank < trace.shape().top_k; ++rank) {
        distinct += counter.add(trace.expert(row, LayerId{layer}, rank)) ? 1 : 0;
      }
    }
  }
  return distinct;
}

/// Moves `batch` random sequences to the front and draws a token of each.
void draw_batch(std::vector<SequenceInfo>& sequences, std::uint32_t batch, Random& random,
                std::vector<std::uint64_t>& rows) {
  rows.clear();
  for (std::uint32_t lane = 0; lane < batch; ++lane) {
    std::swap(sequences[lane], sequences[lane + random.below(sequences.size() - lane)]);
    rows.push_back(sequences[lane].first_token + random.below(sequences[lane].tokens));
  }
}

UniqueExperts measure_unique(const RoutingTrace& trace, std::vector<SequenceInfo> sequences,
                             std::uint32_t batch, const TraceStatisticsOptions& options) {
  const TraceShape& shape = trace.shape();
  const double missed = 1 - static_cast<double>(shape.top_k) / shape.grid.experts;
  UniqueExperts result;
  result.batch = batch;
  result.uniform = shape.grid.experts * (1 - std::pow(missed, batch));
  if (sequences.size() < batch || options.sampled_batches == 0) return result;
  Random random(options.seed);
  DistinctCounter counter(shape.grid.experts);
  std::vector<std::uint64_t> rows;
  std::uint64_t distinct = 0;
  for (std::uint32_t sample = 0; sample < options.sampled_batches; ++sample) {
    draw_batch(sequences, batch, random, rows);
    distinct += count_distinct(trace, rows, counter);
  }
  result.measured = static_cast<double>(distinct) / options.sampled_batches / shape.grid.layers;
  return result;
}

std::vector<std::uint64_t> count_requests(const RoutingTrace& trace,
                                          const std::vector<SequenceInfo>& sequences) {
  const TraceShape& shape = trace.shape();
  std::vector<std::uint64_t> counts(shape.grid.size(), 0);
  for (const SequenceInfo& sequence : sequences) {
    for (std::uint64_t row = sequence.first_token; row < sequence.first_token + sequence.tokens; ++row) {
      for (std::uint32_t layer = 0; layer < shape.grid.layers; ++layer) {
        for (std::uint32_t rank = 0; rank < shape.top_k; ++rank) {
          ++counts[shape.grid.index(LayerId{layer}, trace.expert(row, LayerId{layer}, rank)).index()];
        }
      }
    }
  }
  return counts;
}

/// `falling` are the requests of one layer's experts, the most first.
double share_of_hottest(const std::vector<std::uint64_t>& falling, double fraction) {
  double total = 0;
  double hot = 0;
  double left = fraction * static_cast<double>(falling.size());
  for (const std::uint64_t count : falling) {
    total += static_cast<double>(count);
    hot += static_cast<double>(count) * std::clamp(left, 0.0, 1.0);
    left -= 1;
  }
  return hot / total;
}

std::vector<HottestShare> measure_hottest(const RoutingTrace& trace,
                                          const std::vector<SequenceInfo>& sequences) {
  const ExpertGrid& grid = trace.shape().grid;
  const auto counts = count_requests(trace, sequences);
  std::vector<HottestShare> result;
  for (const double fraction : fractions) result.push_back({fraction, 0});
  for (std::uint32_t layer = 0; layer < grid.layers; ++layer) {
    const auto from = counts.begin() + static_cast<std::ptrdiff_t>(std::size_t{layer} * grid.experts);
    std::vector<std::uint64_t> falling(from, from + grid.experts);
    std::sort(falling.begin(), falling.end(), std::greater<>());
    for (HottestShare& hottest : result)
      hottest.share += share_of_hottest(falling, hottest.fraction) / grid.layers;
  }
  return result;
}

std::uint64_t count_repeats(const RoutingTrace& trace, std::uint64_t row, DistinctCounter& counter) {
  std::uint64_t repeats = 0;
  for (std::uint32_t layer = 0; layer < trace.shape().grid.layers; ++layer) {
    counter.start();
    for (std::uint32_t rank = 0; rank < trace.shape().top_k; ++rank)
      counter.add(trace.expert(row - 1, LayerId{layer}, rank));
    for (std::uint32_t rank = 0; rank < trace.shape().top_k; ++rank) {
      repeats += counter.has(trace.expert(row, LayerId{layer}, rank)) ? 1 : 0;
    }
  }
  return repeats;
}

std::optional<double> measure_repeats(const RoutingTrace& trace, const std::vector<SequenceInfo>& sequences) {
  DistinctCounter counter(trace.shape().grid.experts);
  std::uint64_t repeats = 0;
  std::uint64_t tokens = 0;
  for (const SequenceInfo& sequence : sequences) {
    for (std::uint64_t row = sequence.first_token + 1; row < sequence.first_token + sequence.tokens;
         ++row, ++tokens) {
      repeats += count_repeats(trace, row, counter);
    }
  }
  if (tokens == 0) return std::nullopt;
  return static_cast<double>(repeats) / static_cast<double>(tokens) / trace.shape().grid.layers /
         trace.shape().top_k;
}

}  // namespace

TraceStatistics measure_trace(const RoutingTrace& trace, const TraceStatisticsOptions& options) {
  const auto sequences = kept_sequences(trace, options.skip_flags);
  if (sequences.empty()) {
    throw Error(ErrorCode::bad_input,
                fmt::format("all {} sequences have a flag of the mask {} to skip; expected one without",
                            trace.sequences().size(), options.skip_flags));
  }
  TraceStatistics result;
  result.sequences = sequences.size();
  result.skipped_sequences = trace.sequences().size() - sequences.size();
  for (const SequenceInfo& sequence : sequences) result.tokens += sequence.tokens;
  for (const std::uint32_t batch : batches) {
    result.unique_experts.push_back(measure_unique(trace, sequences, batch, options));
  }
  result.hottest = measure_hottest(trace, sequences);
  result.repeat_share = measure_repeats(trace, sequences);
  result.repeat_by_chance = static_cast<double>(trace.shape().top_k) / trace.shape().grid.experts;
  return result;
}

}  // namespace prophet
