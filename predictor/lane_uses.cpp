#include "predictor/lane_uses.hpp"

#include <algorithm>
#include <cmath>

namespace prophet {
namespace {

constexpr std::array<float, LayerUses::decays> kept_a_token{0.6F, 0.93F, 0.99F};
constexpr float tokens_of_popularity = 20;  ///< that the popularity weighs against the sequence's own share
constexpr std::uint32_t age_max = 200;

float log_odds(float probability) {
  return std::log(probability / (1.0F - probability));
}

}  // namespace

LayerUses::LayerUses(std::uint32_t experts) : recent_(experts), last_(experts), counts_(experts) {}

void LayerUses::forget() {
  tokens_ = 0;
  std::fill(recent_.begin(), recent_.end(), std::array<float, decays>{});
  std::fill(last_.begin(), last_.end(), 0U);
  std::fill(counts_.begin(), counts_.end(), 0U);
}

void LayerUses::add(std::span<const ExpertId> experts) {
  ++tokens_;
  for (auto& shares : recent_) {
    for (std::size_t d = 0; d < decays; ++d) shares[d] *= kept_a_token[d];
  }
  for (const ExpertId expert : experts) {
    for (std::size_t d = 0; d < decays; ++d) recent_[expert.index()][d] += 1.0F - kept_a_token[d];
    last_[expert.index()] = tokens_;
    ++counts_[expert.index()];
  }
}

UseFeatures LayerUses::features(ExpertId expert, float popularity) const noexcept {
  const std::size_t e = expert.index();
  const float share = (static_cast<float>(counts_[e]) + tokens_of_popularity * popularity) /
                      (static_cast<float>(tokens_) + tokens_of_popularity);
  const std::uint32_t age = last_[e] == 0 ? age_max : std::min(age_max, tokens_ - last_[e]);
  return {1.0F,
          log_odds(popularity),
          log_odds(std::clamp(share, 1e-4F, 0.999F)),
          age == 0 ? 1.0F : 0.0F,
          age == 1 ? 1.0F : 0.0F,
          std::log1p(static_cast<float>(age)),
          recent_[e][0],
          recent_[e][1],
          recent_[e][2]};
}

}  // namespace prophet
