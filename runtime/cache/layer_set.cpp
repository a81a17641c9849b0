#include "runtime/cache/layer_set.hpp"

#include <bit>

namespace prophet {

std::optional<LayerId> LayerSet::farthest_turn(LayerId running) const noexcept {
  const auto up_to_running = highest_below(running.value + 1);
  if (up_to_running) return up_to_running;
  return highest_below(static_cast<std::uint32_t>(words_.size() * 64));
}

std::optional<LayerId> LayerSet::highest_below(std::uint32_t end) const noexcept {
  for (std::uint32_t w = (end + 63) / 64; w-- > 0;) {
    std::uint64_t word = words_[w];
    if (end < (w + 1) * 64) word &= (std::uint64_t{1} << (end - w * 64)) - 1;
    if (word != 0) return LayerId{w * 64 + static_cast<std::uint32_t>(std::bit_width(word)) - 1};
  }
  return std::nullopt;
}

}  // namespace prophet
