#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "prophet/ids.hpp"

namespace prophet {

/// What the routers of coming layers said of each layer's input: of each row of a trace their first choices,
/// best first. What a live model tells while it runs, kept for something that learns from it. A value.
struct AheadChoices {
  static constexpr std::uint16_t none = 0xFFFF;  ///< no router was asked, or it had no more to say

  std::uint32_t layers = 0;
  std::uint32_t lookahead_layers = 0;  ///< routers of 1 to so many layers ahead
  std::uint32_t ranks = 0;             ///< choices of each
  std::vector<std::uint16_t> ids;      ///< [rows, layers, lookahead_layers, ranks]

  /// Ids of one row.
  [[nodiscard]] std::size_t row_ids() const noexcept {
    return std::size_t{layers} * lookahead_layers * ranks;
  }
  /// Of the router `ahead` layers behind `made_at`, on the input of `made_at`. REQUIRES: 1 <= ahead <=
  /// lookahead_layers.
  [[nodiscard]] std::span<const std::uint16_t> of(std::uint64_t row, LayerId made_at,
                                                  std::uint32_t ahead) const noexcept {
    const std::size_t router = made_at.index() * lookahead_layers + ahead - 1;
    return std::span(ids).subspan(row * row_ids() + router * ranks, ranks);
  }
};

/// The first ranks.size() experts by falling logit, equal ones by their id; a logit that is no number comes
/// last. `order` [experts] is room to work in. REQUIRES: ranks.size() <= logits.size() == order.size().
inline void first_choices(std::span<const float> logits, std::span<std::uint16_t> order,
                          std::span<std::uint16_t> ranks) {
  for (std::size_t e = 0; e < order.size(); ++e) order[e] = static_cast<std::uint16_t>(e);
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(ranks.size());
  std::partial_sort(order.begin(), end, order.end(), [&](std::uint16_t a, std::uint16_t b) {
    const bool a_is_none = logits[a] != logits[a];
    const bool b_is_none = logits[b] != logits[b];
    if (a_is_none != b_is_none) return b_is_none;
    return a_is_none || logits[a] == logits[b] ? a < b : logits[a] > logits[b];
  });
  std::copy(order.begin(), end, ranks.begin());
}

}  // namespace prophet
