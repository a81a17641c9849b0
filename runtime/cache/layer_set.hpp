#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "prophet/ids.hpp"

namespace prophet {

/// A set of layers that finds, in the cyclic order of execution, the member whose next turn is farthest.
class LayerSet {
 public:
  explicit LayerSet(std::uint32_t layers) : words_((layers + 63) / 64, 0) {}

  void set(LayerId layer, bool member) noexcept {
    const std::uint64_t bit = std::uint64_t{1} << (layer.value % 64);
    std::uint64_t& word = words_[layer.index() / 64];
    word = member ? word | bit : word & ~bit;
  }
  /// The running layer's own next turn is a full cycle away, its predecessor's one layer less, and so on.
  /// O(layers / 64).
  [[nodiscard]] std::optional<LayerId> farthest_turn(LayerId running) const noexcept;

 private:
  [[nodiscard]] std::optional<LayerId> highest_below(std::uint32_t end) const noexcept;

  std::vector<std::uint64_t> words_;
};

}  // namespace prophet
