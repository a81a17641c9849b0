#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "predictor/mlp/ahead_choices.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Texts that a live model reads so that a predictor learns from its routing and from its routers, applied
/// ahead to its hidden states.
struct LiveTexts {
  std::string model;               ///< folder of the checkpoint
  std::vector<std::string> files;  ///< their bytes are its tokens
  std::uint32_t window_tokens = 512;
  std::uint32_t lanes = 8;
  std::uint32_t lookahead_layers = 3;
  bool quiet = false;
};

struct LiveRouting {
  RoutingTrace trace;
  AheadChoices ahead;  ///< of its rows
};

/// Cuts each text into windows, each a sequence of its own, and has the model read them with every expert
/// resident. Throws Error{usage} for a model whose tokens are not bytes, a window that does not fit its
/// context or a file without a window, and as LiveSession does.
[[nodiscard]] LiveRouting read_live_texts(const LiveTexts& texts);

}  // namespace prophet
