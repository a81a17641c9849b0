#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "prophet/expert_grid.hpp"

namespace prophet {

/// What is known of one expert's uses by one sequence, as numbers that a linear model weighs.
inline constexpr std::size_t use_features = 9;
using UseFeatures = std::array<float, use_features>;

[[nodiscard]] inline float weigh(const UseFeatures& weights, const UseFeatures& features) noexcept {
  float sum = 0;
  for (std::size_t i = 0; i < use_features; ++i) sum += weights[i] * features[i];
  return sum;
}

/// One sequence's uses of the experts of one layer: how many, how long ago, and how often of late. No
/// allocation after construction.
class LayerUses {
 public:
  static constexpr std::size_t decays = 3;

  explicit LayerUses(std::uint32_t experts);

  /// The sequence has ended.
  void forget();
  /// A token chose these.
  void add(std::span<const ExpertId> experts);
  [[nodiscard]] std::uint32_t tokens() const noexcept { return tokens_; }
  /// 1; the log odds of `popularity`; those of the sequence's own share, drawn towards it; used by the last
  /// token; by the one before; the logarithm of 1 + tokens since; and the share of tokens that used it,
  /// decayed by 0.6, 0.93 and 0.99 a token.
  [[nodiscard]] UseFeatures features(ExpertId expert, float popularity) const noexcept;

 private:
  std::uint32_t tokens_ = 0;
  std::vector<std::array<float, decays>> recent_;  ///< [experts]
  std::vector<std::uint32_t> last_;    ///< [experts] number of the token that used it, from 1; 0: none
  std::vector<std::uint32_t> counts_;  ///< [experts]
};

}  // namespace prophet
