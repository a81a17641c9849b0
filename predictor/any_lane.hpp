#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace prophet {

/// The chance that at least one lane wants each expert, from the chances of the single lanes, which are taken
/// as independent: 1 - product of (1 - p). No allocation after construction.
class AnyLane {
 public:
  explicit AnyLane(std::uint32_t experts) : nobody_(experts, 1.0F) {}

  void clear() { std::fill(nobody_.begin(), nobody_.end(), 1.0F); }
  /// Adds a lane's chances [experts].
  void add(std::span<const float> probability) {
    for (std::size_t e = 0; e < nobody_.size(); ++e) nobody_[e] *= 1.0F - probability[e];
  }
  /// Adds a lane that wants one expert with this chance.
  void add(std::size_t expert, float probability) { nobody_[expert] *= 1.0F - probability; }
  /// Fills `probability` [experts].
  void write(std::span<float> probability) const {
    for (std::size_t e = 0; e < nobody_.size(); ++e) probability[e] = 1.0F - nobody_[e];
  }

 private:
  std::vector<float> nobody_;  ///< [experts] chance that no lane so far wants it
};

}  // namespace prophet
