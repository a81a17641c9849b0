#include "predictor/oracle_predictor.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "predictor/layer_distance.hpp"
#include "prophet/error.hpp"

namespace prophet {
namespace {

void require(bool holds, const std::string& sentence) {
  if (!holds) throw Error(ErrorCode::usage, "predictor oracle: " + sentence);
}

void check(ExpertGrid grid, const FutureRequests& future) {
  const auto& offsets = future.offsets;
  require(offsets.size() >= 2, "the requests to come are needed and were not given");
  require(grid.layers >= 2, fmt::format("{} layer, expected at least 2 to tell passes apart", grid.layers));
  require(offsets.front() == 0 && offsets.back() == future.experts.size() &&
              std::is_sorted(offsets.begin(), offsets.end()),
          fmt::format("group offsets run from {} to {}, expected to rise from 0 to the {} requests to come",
                      offsets.front(), offsets.back(), future.experts.size()));
  const auto outside = std::find_if(future.experts.begin(), future.experts.end(),
                                    [&](ExpertIndex e) { return e.value >= grid.size(); });
  if (outside == future.experts.end()) return;
  require(false, fmt::format("a request to come is for expert {}, expected below {} ({} layers x {} experts)",
                             outside->value, grid.size(), grid.layers, grid.experts));
}

}  // namespace

OraclePredictor::OraclePredictor(ExpertGrid grid, const FutureRequests& future)
    : grid_(grid), future_(future), wanted_since_(grid.experts, 0) {
  check(grid, future);
}

std::span<const ExpertIndex> OraclePredictor::group(std::uint64_t at) const noexcept {
  const std::uint64_t first = future_.offsets[at];
  return future_.experts.subspan(static_cast<std::size_t>(first),
                                 static_cast<std::size_t>(future_.offsets[at + 1] - first));
}

void OraclePredictor::observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) {
  if (reached_ == 0 || layer != layer_) move_on(layer);
  for (const ExpertId e : experts) {
    if (wanted_since_[e.index()] == reached_) continue;
    throw Error(ErrorCode::check_failed,
                fmt::format("predictor oracle: lane {} chose expert {} of layer {}, which group {} of the "
                            "requests to come does not want",
                            lane.value, e.value, layer.value, reached_ - 1));
  }
}

void OraclePredictor::move_on(LayerId layer) {
  if (reached_ == groups()) {
    throw Error(ErrorCode::check_failed,
                fmt::format("predictor oracle: layer {} runs after the last of the {} groups to come",
                            layer.value, groups()));
  }
  for (const ExpertIndex e : group(reached_)) {
    if (grid_.layer(e) != layer) {
      throw Error(ErrorCode::check_failed,
                  fmt::format("predictor oracle: layer {} runs where group {} of the requests to come wants "
                              "layer {}",
                              layer.value, reached_, grid_.layer(e).value));
    }
  }
  for (const ExpertIndex e : group(reached_)) wanted_since_[grid_.key(e).expert.index()] = reached_ + 1;
  layer_ = layer;
  ++reached_;
}

bool OraclePredictor::forecast(LayerId made_at, LayerId target, std::span<float> probability) {
  const std::uint64_t at = reached_ - 1 + layer_distance(made_at, target, grid_.layers);
  if (reached_ == 0 || at >= groups()) return false;
  std::fill(probability.begin(), probability.end(), 0.0F);
  for (const ExpertIndex e : group(at)) probability[grid_.key(e).expert.index()] = 1.0F;
  return true;
}

}  // namespace prophet
