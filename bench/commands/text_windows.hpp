#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/engine/live/continuous_decode.hpp"
#include "runtime/engine/live/perplexity_report.hpp"

namespace prophet {

/// What a live model reads a text with: windows of equal length, each a sequence of its own, several at once.
struct WindowReading {
  std::uint32_t window_tokens = 0;
  std::uint32_t lanes = 0;
};

/// Throws Error{usage} for --window or --batch, where one of them is not what the model, of a context of so
/// many tokens, can read with.
void check_reading(const WindowReading& reading, std::uint32_t context_tokens);

/// Throws Error{usage} where so many tokens of the text at `path` make no window.
void check_makes_a_window(const std::string& path, std::size_t tokens);

/// The windows of a text, forced: the first token of each is the prompt, the others are decode steps, of
/// which the last is not read. REQUIRES: ids [windows.run() or more].
[[nodiscard]] std::vector<LiveRequest> requests_of(std::span<const std::uint32_t> ids,
                                                   const TokenWindows& windows);

}  // namespace prophet
