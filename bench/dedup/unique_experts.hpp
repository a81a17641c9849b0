#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "bench/dedup/sequence_rows.hpp"
#include "prophet/expert_grid.hpp"

namespace prophet {

/// Distinct experts by layer and batch size.
class UniqueExpertsTable {
 public:
  UniqueExpertsTable(std::size_t layers, std::size_t batches)
      : batches_(batches), values_(layers * batches) {}
  UniqueExpertsTable(std::size_t batches, std::vector<double> values)  ///< [layers, batches]
      : batches_(batches), values_(std::move(values)) {}

  [[nodiscard]] std::size_t layers() const noexcept { return values_.size() / batches_; }
  [[nodiscard]] double& at(std::size_t layer, std::size_t batch) { return values_[layer * batches_ + batch]; }
  [[nodiscard]] double at(std::size_t layer, std::size_t batch) const {
    return values_[layer * batches_ + batch];
  }
  /// Over the layers.
  [[nodiscard]] double mean(std::size_t batch) const;

 private:
  std::size_t batches_;
  std::vector<double> values_;  // [layers, batches]
};

/// The distinct experts of a batch of one decode token from each of `batch` different sequences, each token
/// at a place of its sequence that is drawn by itself: the exact mean over all sets of sequences and all
/// places, with no draw of its own. The expert is missed by all with the product of 1 - share over the set's
/// sequences; the mean of that product over sets is an elementary symmetric mean, which one pass over the
/// sequences builds up. `shares` as expert_shares gives them. REQUIRES: batches of 1 to shares.count().
[[nodiscard]] UniqueExpertsTable unique_of_different_sequences(const SequenceRows& shares,
                                                               const ExpertGrid& grid,
                                                               std::span<const std::uint32_t> batches);

/// The same for independent tokens that choose by `popularity`, [layers x experts].
[[nodiscard]] UniqueExpertsTable unique_by_popularity(std::span<const double> popularity,
                                                      const ExpertGrid& grid,
                                                      std::span<const std::uint32_t> batches);

}  // namespace prophet
