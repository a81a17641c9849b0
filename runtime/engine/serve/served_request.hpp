#pragma once

#include <cstdint>

namespace prophet {

enum class RequestPhase : std::uint8_t {
  coming,      ///< not yet arrived
  waiting,     ///< without pages
  swapped,     ///< its pages are on the host
  prefilling,  ///< with pages, and tokens to compute before the next one is generated
  decoding,
  finished,
  cancelled,
  refused,  ///< longer than the KV cache can ever be
};

/// What has become of one request of the trace.
struct ServedRequest {
  std::uint64_t arrival_ns = 0;
  std::uint32_t prompt_tokens = 0;
  std::uint32_t output_tokens = 0;
  RequestPhase phase = RequestPhase::coming;
  std::uint32_t computed_tokens = 0;   ///< in the KV cache
  std::uint32_t generated_tokens = 0;  ///< known, of the output
  std::uint32_t cached_tokens = 0;     ///< of the prompt, found in the KV cache at the first admission
  std::uint32_t preemptions = 0;
  std::uint64_t first_token_ns = 0;  ///< time of the first token
  std::uint64_t last_token_ns = 0;

  /// Prompt and what has been generated: what must be computed for the next token.
  [[nodiscard]] std::uint32_t known_tokens() const noexcept { return prompt_tokens + generated_tokens; }
  [[nodiscard]] bool is_over() const noexcept {
    return phase == RequestPhase::finished || phase == RequestPhase::cancelled ||
           phase == RequestPhase::refused;
  }
};

}  // namespace prophet
