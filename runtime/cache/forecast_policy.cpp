#include "runtime/cache/forecast_policy.hpp"

#include <algorithm>
#include <limits>

namespace prophet {
namespace {

/// Of experts that nothing has been said of: later than every estimate, and later still the longer ago the
/// last use was.
constexpr double unknown = 1e15;
constexpr double first_to_go = std::numeric_limits<double>::infinity();

}  // namespace

ForecastPolicy::ForecastPolicy(ExpertGrid grid, std::string_view name)
    : grid_(grid), name_(name), next_use_(grid.size(), unknown), tops_(grid.layers) {
  order_.reserve(grid.layers);
  for (std::uint32_t l = 0; l < grid.layers; ++l) order_.emplace_back(grid.experts);  // a copy has no room
}

void ForecastPolicy::begin_layer(LayerId layer, std::uint64_t step) {
  step_ = step;
  now_ = static_cast<double>(step) * grid_.layers + layer.value;
}

void ForecastPolicy::revise(LayerId layer, std::span<const float> turns_after_next) {
  const double next_turn = static_cast<double>(step_ + 1) * grid_.layers + layer.value;
  const std::size_t first = grid_.index(layer, ExpertId{0}).index();
  for (std::uint32_t e = 0; e < turns_after_next.size(); ++e) {
    next_use_[first + e] = next_turn + double{turns_after_next[e]} * grid_.layers;
  }
  order_[layer.index()].rekey([&](ExpertId expert) { return next_use_[first + expert.index()]; });
  settle_top(layer);
}

void ForecastPolicy::lease(ExpertIndex expert) {
  remove(grid_.key(expert));
}

void ForecastPolicy::release(ExpertIndex expert) {
  push(grid_.key(expert), next_use_[expert.index()] = key_of(expert));
}

/// Under which it would enter the order now.
double ForecastPolicy::key_of(ExpertIndex expert) const noexcept {
  const double next_use = next_use_[expert.index()];
  return next_use >= unknown / 2 ? unknown - now_ : next_use;
}

bool ForecastPolicy::keeps_rather_than(ExpertIndex wanted) const noexcept {
  return tops_.top_key() < key_of(wanted);
}

void ForecastPolicy::admit_cold(ExpertIndex expert) {
  push(grid_.key(expert), first_to_go);
}

ExpertIndex ForecastPolicy::evict() {
  const LayerId layer = tops_.top();
  const ExpertId expert = order_[layer.index()].pop();
  settle_top(layer);
  --size_;
  return grid_.index(layer, expert);
}

void ForecastPolicy::withdraw(ExpertIndex expert) {
  remove(grid_.key(expert));
}

bool ForecastPolicy::contains(ExpertIndex expert) const noexcept {
  const ExpertKey key = grid_.key(expert);
  return order_[key.layer.index()].contains(key.expert);
}

/// Of a use that is so many turns away: one over the turns, its own one counted.
float ForecastPolicy::victim_chance() const noexcept {
  const double turns = (tops_.top_key() - now_) / grid_.layers;
  return static_cast<float>(1 / std::max(1.0, turns));
}

void ForecastPolicy::push(ExpertKey key, double next_use) {
  order_[key.layer.index()].push(key.expert, next_use);
  settle_top(key.layer);
  ++size_;
}

void ForecastPolicy::remove(ExpertKey key) {
  order_[key.layer.index()].remove(key.expert);
  settle_top(key.layer);
  --size_;
}

/// Brings the layer's first to go, which may have changed, into its place among the layers.
void ForecastPolicy::settle_top(LayerId layer) {
  const LayerOrder& order = order_[layer.index()];
  if (tops_.contains(layer)) {
    if (order.size() > 0 && tops_.key(layer) == order.top_key()) return;
    tops_.remove(layer);
  }
  if (order.size() > 0) tops_.push(layer, order.top_key());
}

}  // namespace prophet
