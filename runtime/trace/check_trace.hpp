#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Checks that every reader, writer and importer of traces shares. Each throws Error{bad_input} with one
/// sentence that names the field, its value and what was expected; none allocates more than a few KiB.

/// Bytes of one stored expert id: 1 for up to 256 experts, else 2.
[[nodiscard]] constexpr std::uint32_t id_bytes_for(std::uint32_t experts) noexcept {
  return experts <= 256 ? 1 : 2;
}

/// Layers, experts and top_k are at least 1 and within limits.hpp, top_k <= experts, and the layer ids fit 32
/// bits.
void check_shape(const TraceShape& shape);

/// Ids in one token's row of `shape`: layers * top_k. REQUIRES: check_shape passed.
[[nodiscard]] constexpr std::uint64_t ids_per_token(const TraceShape& shape) noexcept {
  return std::uint64_t{shape.grid.layers} * shape.top_k;
}

/// Bytes of the ids [tokens, layers, top_k]; refuses 0 tokens and what is beyond limits.hpp.
[[nodiscard]] std::uint64_t checked_id_bytes(const TraceShape& shape, std::uint64_t tokens);

/// Checks sequences one by one in file order: each has at least one token, no more prefill than tokens,
/// starts at or after the end of the one before and ends within `tokens`.
class SequenceCheck {
 public:
  explicit SequenceCheck(std::uint64_t tokens) : tokens_(tokens) {}
  void next(const SequenceInfo& sequence);
  /// At least one sequence was seen.
  void finish() const;

 private:
  std::uint64_t tokens_;
  std::uint64_t end_ = 0;
  std::uint64_t seen_ = 0;
};

/// The ids [n, layers, top_k], as stored, are below `experts` and distinct within each (token, layer).
/// `first_token` is the row of ids[0] in the trace, for the sentence.
void check_ids(const TraceShape& shape, std::span<const std::byte> ids, std::uint64_t first_token);

/// The weights [n, layers, top_k] are finite. `first_token` as in check_ids.
void check_weights(const TraceShape& shape, std::span<const float> weights, std::uint64_t first_token);

}  // namespace prophet
