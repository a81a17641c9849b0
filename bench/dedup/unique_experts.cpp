#include "bench/dedup/unique_experts.hpp"

#include <algorithm>

#include "bench/analytic/dedup_expectation.hpp"

namespace prophet {
namespace {

/// The means, over all sets of j sequences, of the product of a factor of each: [batch_max + 1, experts],
/// j first.
class SymmetricMeans {
 public:
  SymmetricMeans(std::uint32_t batch_max, std::uint32_t experts)
      : experts_(experts), means_((std::size_t{batch_max} + 1) * experts) {
    std::fill_n(means_.begin(), experts_, 1.0);
  }

  /// Of the sets of j among n + 1 sequences, the share j / (n + 1) holds the new one.
  void add(std::span<const double> shares) {
    ++sequences_;
    const std::size_t largest = std::min(sequences_, means_.size() / experts_ - 1);
    for (std::size_t j = largest; j > 0; --j) {
      const double with_it = static_cast<double>(j) / static_cast<double>(sequences_);
      double* const mean = means_.data() + j * experts_;
      const double* const smaller = mean - experts_;
      for (std::size_t e = 0; e < experts_; ++e)
        mean[e] = (1 - with_it) * mean[e] + with_it * (1 - shares[e]) * smaller[e];
    }
  }
  [[nodiscard]] double distinct(std::uint32_t batch) const {
    double missed = 0;
    for (std::size_t e = 0; e < experts_; ++e) missed += means_[batch * experts_ + e];
    return static_cast<double>(experts_) - missed;
  }

 private:
  std::size_t experts_;
  std::size_t sequences_ = 0;
  std::vector<double> means_;
};

}  // namespace

double UniqueExpertsTable::mean(std::size_t batch) const {
  double sum = 0;
  for (std::size_t layer = 0; layer < layers(); ++layer) sum += at(layer, batch);
  return sum / static_cast<double>(layers());
}

UniqueExpertsTable unique_of_different_sequences(const SequenceRows& shares, const ExpertGrid& grid,
                                                 std::span<const std::uint32_t> batches) {
  UniqueExpertsTable table(grid.layers, batches.size());
  const std::uint32_t batch_max = *std::max_element(batches.begin(), batches.end());
  for (std::uint32_t layer = 0; layer < grid.layers; ++layer) {
    SymmetricMeans means(batch_max, grid.experts);
    for (std::size_t s = 0; s < shares.count(); ++s)
      means.add(shares.row(s).subspan(std::size_t{layer} * grid.experts, grid.experts));
    for (std::size_t b = 0; b < batches.size(); ++b) table.at(layer, b) = means.distinct(batches[b]);
  }
  return table;
}

UniqueExpertsTable unique_by_popularity(std::span<const double> popularity, const ExpertGrid& grid,
                                        std::span<const std::uint32_t> batches) {
  UniqueExpertsTable table(grid.layers, batches.size());
  for (std::uint32_t layer = 0; layer < grid.layers; ++layer) {
    const auto own = popularity.subspan(std::size_t{layer} * grid.experts, grid.experts);
    for (std::size_t b = 0; b < batches.size(); ++b)
      table.at(layer, b) = analytic::popularity_unique(own, batches[b]);
  }
  return table;
}

}  // namespace prophet
