#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "predictor/activation_library.hpp"
#include "predictor/any_lane.hpp"
#include "predictor/predictor.hpp"

namespace prophet {

/// Nearest activation matrix, after MoE-Infinity (Xue et al., 2024): of a bounded set of training sequences
/// (see ActivationLibrary) it takes the one whose matrix is most like what the lane's sequence has chosen so
/// far, and says of each expert the share of that sequence's tokens that chose it.
///
/// Alike is the cosine between the matrices over the layers that the lane has seen: the first ones during its
/// first token, all from then on. The running matrix counts every token since start_lane() alike. Its length
/// is common to all candidates, and one more choice adds one entry of each to the dot products, so that only
/// those [matrices] are kept for a lane. Of equal ones the first wins. A lane that has seen nothing says
/// nothing.
class HistoryPredictor final : public Predictor {
 public:
  HistoryPredictor(const TrainingSet& training, std::uint32_t lanes);

  [[nodiscard]] std::string_view name() const noexcept override { return "history"; }
  void start_lane(LaneId lane) override;
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) override;
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override;

 private:
  [[nodiscard]] std::span<float> dots(LaneId lane) noexcept {
    return std::span(dots_).subspan(lane.index() * library_.matrices(), library_.matrices());
  }
  [[nodiscard]] std::uint32_t nearest(LaneId lane) noexcept;

  ActivationLibrary library_;
  std::uint32_t experts_;
  std::vector<std::uint32_t> layers_seen_;  ///< [lanes]
  std::vector<float> dots_;                 ///< [lanes, matrices]
  AnyLane any_lane_;
};

}  // namespace prophet
