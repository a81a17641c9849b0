#include "runtime/cache/least_stale.hpp"

namespace prophet {

LeastStalePolicy::LeastStalePolicy(ExpertGrid grid)
    : grid_(grid),
      links_(grid.size()),
      layers_(grid.layers, Layer{IndexList(links_)}),
      cold_(links_),
      place_(grid.size(), Place::outside),
      used_in_pass_(grid.size(), 0),
      with_stale_(grid.layers),
      with_fresh_(grid.layers) {}

void LeastStalePolicy::begin_layer(LayerId layer, std::uint64_t) {
  running_ = layer;
  ++layers_[layer.index()].pass;
  layers_[layer.index()].fresh = 0;
  mark(layer);
}

void LeastStalePolicy::lease(ExpertIndex expert) {
  withdraw(expert);
}

void LeastStalePolicy::miss(ExpertIndex) {}

void LeastStalePolicy::release(ExpertIndex expert) {
  const LayerId id = grid_.layer(expert);
  Layer& layer = layers_[id.index()];
  place_[expert.index()] = Place::layer;
  used_in_pass_[expert.index()] = layer.pass;
  layer.order.push_front(expert);
  ++layer.fresh;
  ++size_;
  mark(id);
}

void LeastStalePolicy::admit_cold(ExpertIndex expert) {
  place_[expert.index()] = Place::cold;
  cold_.push_back(expert);
  ++size_;
}

ExpertIndex LeastStalePolicy::evict() {
  ExpertIndex victim;
  if (!cold_.empty()) {
    victim = cold_.back();
  } else {
    auto layer = with_stale_.farthest_turn(running_);
    if (!layer) layer = with_fresh_.farthest_turn(running_);
    victim = layers_[layer->index()].order.back();
  }
  withdraw(victim);
  return victim;
}

void LeastStalePolicy::withdraw(ExpertIndex expert) {
  --size_;
  Place& place = place_[expert.index()];
  if (place == Place::cold) {
    cold_.remove(expert);
  } else {
    const LayerId id = grid_.layer(expert);
    Layer& layer = layers_[id.index()];
    layer.order.remove(expert);
    if (used_in_pass_[expert.index()] == layer.pass) --layer.fresh;
    mark(id);
  }
  place = Place::outside;
}

void LeastStalePolicy::mark(LayerId id) {
  const Layer& layer = layers_[id.index()];
  with_fresh_.set(id, layer.fresh > 0);
  with_stale_.set(id, layer.order.size() > layer.fresh);
}

}  // namespace prophet
