#pragma once

#include <cstdint>
#include <vector>

#include "predictor/popularity.hpp"
#include "predictor/predictor.hpp"

namespace prophet {

/// Says the same of every token: how popular each expert was in the training sequences (see Popularity).
/// The baseline that knows nothing of the sequence at hand.
class StaticPredictor final : public Predictor {
 public:
  StaticPredictor(const TrainingSet& training, std::uint32_t lanes);

  [[nodiscard]] std::string_view name() const noexcept override { return "static"; }
  void start_lane(LaneId lane) override;
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) override;
  /// Says nothing until a lane has started.
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override;

 private:
  Popularity popularity_;
  std::vector<std::uint8_t> runs_;  ///< [lanes]
  std::uint32_t running_ = 0;
};

}  // namespace prophet
