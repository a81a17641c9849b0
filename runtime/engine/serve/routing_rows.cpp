#include "runtime/engine/serve/routing_rows.hpp"

#include <numeric>

#include "prophet/error.hpp"

namespace prophet {
namespace {

/// Near the golden section of `count` and without a common divisor with it: requests that run together begin
/// far apart, and all sequences have their turn before one comes again.
std::uint64_t spread(std::uint64_t count) {
  auto stride = static_cast<std::uint64_t>(0.618 * static_cast<double>(count));
  while (stride > 1 && std::gcd(stride, count) != 1) --stride;
  return stride == 0 ? 1 : stride;
}

}  // namespace

RoutingRows::RoutingRows(const RoutingTrace& trace, std::span<const SequenceId> sequences)
    : stride_(spread(sequences.size())) {
  for (const SequenceId sequence : sequences) {
    const SequenceInfo& info = trace.sequences()[sequence.index()];
    if (info.tokens == 0) continue;
    starts_.push_back(rows_.size());
    for (std::uint32_t t = 0; t < info.tokens; ++t) rows_.push_back(info.first_token + t);
  }
  if (rows_.empty())
    throw Error(ErrorCode::usage, "the routing trace has no rows to replay: expected at least one");
  stride_ = spread(starts_.size());
}

std::uint64_t RoutingRows::row(RequestId request, std::uint32_t position) const noexcept {
  const std::uint64_t start = starts_[request.value * stride_ % starts_.size()];
  return rows_[(start + position) % rows_.size()];
}

}  // namespace prophet
