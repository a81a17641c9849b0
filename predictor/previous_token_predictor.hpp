#pragma once

#include <cstdint>
#include <vector>

#include "predictor/any_lane.hpp"
#include "predictor/lane_choices.hpp"
#include "predictor/predictor.hpp"
#include "prophet/expert_grid.hpp"

namespace prophet {

/// A lane wants again what it chose at the layer for its previous token, with the share of experts that were
/// repeated at that layer so far, over all lanes: (repeated + 1) / (seen + 2), so 1/2 before the first
/// repetition is seen. Of other experts it says 0. A lane's first token adds nothing.
class PreviousTokenPredictor final : public Predictor {
 public:
  PreviousTokenPredictor(ExpertGrid grid, std::uint32_t top_k, std::uint32_t lanes);

  [[nodiscard]] std::string_view name() const noexcept override { return "previous-token"; }
  /// What has been learnt of the repeat rate is kept.
  void start_lane(LaneId lane) override;
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) override;
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override;

 private:
  struct Repeats {
    std::uint64_t repeated = 0;
    std::uint64_t seen = 0;
  };

  LaneChoices choices_;
  std::vector<Repeats> repeats_;  ///< [layers]
  AnyLane any_lane_;
};

}  // namespace prophet
