#include "bench/commands/text_windows.hpp"

#include <fmt/format.h>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

/// A prompt, a token that a decode step reads, and what comes of it.
constexpr std::uint32_t window_tokens_min = 3;

}  // namespace

void check_reading(const WindowReading& reading, std::uint32_t context_tokens) {
  if (reading.window_tokens < window_tokens_min || reading.window_tokens > context_tokens) {
    throw Error(ErrorCode::usage, fmt::format("--window {}: expected {} to {}, the model's context",
                                              reading.window_tokens, window_tokens_min, context_tokens));
  }
  if (reading.lanes >= 1 && reading.lanes <= limits::lanes_max) return;
  throw Error(ErrorCode::usage,
              fmt::format("--batch {}: expected 1 to {} lanes", reading.lanes, limits::lanes_max));
}

void check_makes_a_window(const std::string& path, std::size_t tokens) {
  if (tokens >= window_tokens_min) return;
  throw Error(ErrorCode::usage,
              fmt::format("{}: {} tokens are read, expected at least {}", path, tokens, window_tokens_min));
}

std::vector<LiveRequest> requests_of(std::span<const std::uint32_t> ids, const TokenWindows& windows) {
  std::vector<LiveRequest> requests(windows.count);
  for (std::size_t w = 0; w < requests.size(); ++w) {
    const auto window = ids.subspan(w * windows.tokens, windows.tokens);
    requests[w].prompt.assign(window.begin(), window.begin() + 1);
    requests[w].forced.assign(window.begin() + 1, window.end());
    requests[w].new_tokens_max = windows.tokens - 1;
  }
  return requests;
}

}  // namespace prophet
