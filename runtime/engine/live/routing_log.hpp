#pragma once

#include <algorithm>
#include <vector>

#include "runtime/cache/request_groups.hpp"
#include "runtime/engine/live/routing_sink.hpp"

namespace prophet {

/// Keeps what every layer of every pass wanted, in execution order: what a clairvoyant cache would know.
/// Passes each layer on to another sink, if there is one.
class RoutingLog final : public RoutingSink {
 public:
  RoutingLog(ExpertGrid grid, RoutingSink* next) : next_(next) { groups_.grid = grid; }

  void on_layer(const RoutedLayer& routed) override {
    wanted_.clear();
    for (const ExpertId expert : routed.chosen) wanted_.push_back(groups_.grid.index(routed.layer, expert));
    std::sort(wanted_.begin(), wanted_.end());
    wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
    groups_.append(wanted_, routed.kind == StepKind::prefill);
    if (next_ != nullptr) next_->on_layer(routed);
  }

  [[nodiscard]] bool wants_weights() const override { return next_ != nullptr && next_->wants_weights(); }

  [[nodiscard]] const RequestGroups& groups() const noexcept { return groups_; }

 private:
  RequestGroups groups_;
  RoutingSink* next_;
  std::vector<ExpertIndex> wanted_;
};

}  // namespace prophet
