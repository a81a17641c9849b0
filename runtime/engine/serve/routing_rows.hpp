#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/engine/serve/kv_space.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Which row of a routing trace stands for which token of a request. Recorded sequences are short, so the
/// sequences that are replayed are stitched to one ring, in the order given; a request's tokens, prompt and
/// output, are consecutive rows of it from the beginning of a sequence that its number chooses, no two
/// requests in a row the same. A sequence's own prompt rows, where it has any, count like the others. The
/// trace and the list must outlive it.
class RoutingRows {
 public:
  /// Throws Error{usage} when the sequences have no rows.
  RoutingRows(const RoutingTrace& trace, std::span<const SequenceId> sequences);

  /// The row of the token at `position` of the request.
  [[nodiscard]] std::uint64_t row(RequestId request, std::uint32_t position) const noexcept;
  /// Rows of the ring.
  [[nodiscard]] std::uint64_t size() const noexcept { return rows_.size(); }

 private:
  std::vector<std::uint64_t> rows_;    ///< the ring
  std::vector<std::uint64_t> starts_;  ///< [sequences] where each begins in the ring
  std::uint64_t stride_;               ///< sequences from one request to the next
};

}  // namespace prophet
