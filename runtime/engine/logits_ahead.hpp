#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "predictor/predictor.hpp"
#include "runtime/engine/batch_schedule.hpp"

namespace prophet {

/// Logits that routers of coming layers give for one layer's input. A view; empty where none were asked.
struct LogitsAhead {
  std::span<const float> values;  ///< [routers, tokens, experts]
  std::uint32_t first = 1;        ///< how many layers ahead the first router stands; 0 is the layer's own
  std::uint32_t tokens = 0;
  std::uint32_t experts = 0;

  [[nodiscard]] std::size_t routers() const noexcept {
    return values.empty() ? 0 : values.size() / (std::size_t{tokens} * experts);
  }
  /// [experts] of the router that stands `ahead` layers ahead; empty where it was not asked.
  [[nodiscard]] std::span<const float> row(std::uint32_t ahead, std::size_t token) const noexcept {
    if (ahead < first) return {};
    const std::size_t at = (std::size_t{ahead - first} * tokens + token) * experts;
    return at < values.size() ? values.subspan(at, experts) : std::span<const float>{};
  }
};

/// Tells the predictor what it wants to know of them: of coming layers, and with `of_itself` of the layer
/// that they were made at.
void show_logits_ahead(Predictor& predictor, LayerId made_at, std::span<const StepToken> tokens,
                       const LogitsAhead& logits, bool of_itself = false);

}  // namespace prophet
