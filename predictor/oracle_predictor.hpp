#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "predictor/make_predictor.hpp"
#include "predictor/predictor.hpp"
#include "prophet/expert_grid.hpp"

namespace prophet {

/// Knows what will be asked: probability 1 for exactly the experts that the target will want the next time it
/// runs, 0 for all others. A bound, not a predictor.
///
/// Its place in FutureRequests is one group per layer of each pass, prefill passes included, and moves on
/// when observe() tells of another layer than before. So it needs two layers at least: with one, two passes
/// look like two lanes of one pass. Says nothing before the first observation and beyond the last group.
class OraclePredictor final : public Predictor {
 public:
  /// Throws Error{usage} when there are no groups, they do not fit `grid`, or it has one layer only.
  OraclePredictor(ExpertGrid grid, const FutureRequests& future);

  [[nodiscard]] std::string_view name() const noexcept override { return "oracle"; }
  void start_lane(LaneId) override {}
  /// Throws Error{check_failed} when the group does not want `experts`, or is not of `layer`: the future that
  /// it was given is not the one that comes, and what it said would bound nothing.
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) override;
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override;

 private:
  [[nodiscard]] std::uint64_t groups() const noexcept { return future_.offsets.size() - 1; }
  [[nodiscard]] std::span<const ExpertIndex> group(std::uint64_t at) const noexcept;
  void move_on(LayerId layer);

  ExpertGrid grid_;
  FutureRequests future_;
  std::uint64_t reached_ = 0;                ///< groups observed, the current one included
  LayerId layer_;                            ///< of the current group
  std::vector<std::uint64_t> wanted_since_;  ///< [experts]: equals reached_ where the current group wants it
};

}  // namespace prophet
