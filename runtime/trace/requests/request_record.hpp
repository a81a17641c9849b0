#pragma once

#include <cstdint>
#include <vector>

namespace prophet {

/// One request of a request trace: when it came, how long its prompt was and how much was generated. What the
/// tokens were is not recorded; where the trace has `prefix_blocks`, equal blocks stand for equal tokens.
struct RequestRecord {
  /// Tokens of the prompt that one block stands for: those of Mooncake's traces.
  static constexpr std::uint32_t block_tokens = 512;

  std::uint64_t arrival_ns = 0;     ///< since the trace's first request
  std::uint32_t prompt_tokens = 0;  ///< at least 1
  std::uint32_t output_tokens = 0;  ///< at least 1
  /// Empty, or an identity for each block of the prompt, the last of which may be partly filled. A block's
  /// identity names the block and all before it.
  std::vector<std::uint64_t> prefix_blocks;
  friend bool operator==(const RequestRecord&, const RequestRecord&) = default;
};

}  // namespace prophet
