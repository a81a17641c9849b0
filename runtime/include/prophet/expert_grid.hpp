#pragma once

#include <cstdint>

#include "prophet/ids.hpp"

namespace prophet {

/// An expert of one layer of one model.
struct ExpertKey {
  LayerId layer;
  ExpertId expert;
  friend constexpr auto operator<=>(const ExpertKey&, const ExpertKey&) = default;
};

/// The [layers, experts] rectangle of one model's routed experts and its dense numbering.
/// The reader of the model or trace has bounded both numbers (see limits.hpp), so layers * experts fits 32
/// bits.
struct ExpertGrid {
  std::uint32_t layers = 0;
  std::uint32_t experts = 0;

  [[nodiscard]] constexpr std::uint32_t size() const noexcept { return layers * experts; }
  [[nodiscard]] constexpr ExpertIndex index(LayerId layer, ExpertId expert) const noexcept {
    return ExpertIndex{layer.value * experts + expert.value};
  }
  [[nodiscard]] constexpr ExpertIndex index(ExpertKey key) const noexcept {
    return index(key.layer, key.expert);
  }
  [[nodiscard]] constexpr ExpertKey key(ExpertIndex index) const noexcept {
    return {LayerId{index.value / experts}, ExpertId{index.value % experts}};
  }
  [[nodiscard]] constexpr LayerId layer(ExpertIndex index) const noexcept {
    return LayerId{index.value / experts};
  }
  friend constexpr bool operator==(const ExpertGrid&, const ExpertGrid&) = default;
};

}  // namespace prophet
