#include "runtime/trace/routing_trace.hpp"

#include <fmt/format.h>

#include <utility>

#include "prophet/error.hpp"
#include "runtime/trace/check_trace.hpp"

namespace prophet {
namespace {

/// The number of tokens that `id_storage_bytes` hold.
std::uint64_t whole_tokens(const TraceShape& shape, std::uint64_t id_storage_bytes) {
  const auto row_bytes = ids_per_token(shape) * id_bytes_for(shape.grid.experts);
  if (id_storage_bytes % row_bytes != 0) {
    throw Error(
        ErrorCode::bad_input,
        fmt::format("expert ids take {} bytes: expected a multiple of {} ({} layers x {} experts chosen x {} "
                    "bytes an id)",
                    id_storage_bytes, row_bytes, shape.grid.layers, shape.top_k,
                    id_bytes_for(shape.grid.experts)));
  }
  return id_storage_bytes / row_bytes;
}

}  // namespace

RoutingTrace::RoutingTrace(TraceShape shape, TraceProvenance provenance, std::vector<SequenceInfo> sequences,
                           std::vector<std::byte> ids, std::vector<float> weights) {
  check_shape(shape);
  const auto tokens = whole_tokens(shape, ids.size());
  static_cast<void>(checked_id_bytes(shape, tokens));
  const auto id_count = tokens * ids_per_token(shape);
  if (!weights.empty() && weights.size() != id_count) {
    throw Error(ErrorCode::bad_input,
                fmt::format("number of router weights is {}: expected 0 or {}, one for each id",
                            weights.size(), id_count));
  }
  SequenceCheck check(tokens);
  for (const auto& sequence : sequences) check.next(sequence);
  check.finish();
  check_ids(shape, ids, 0);
  check_weights(shape, weights, 0);

  shape_ = shape;
  provenance_ = std::move(provenance);
  sequences_ = std::move(sequences);
  ids_ = std::move(ids);
  weights_ = std::move(weights);
  tokens_ = tokens;
  id_bytes_ = id_bytes_for(shape.grid.experts);
}

}  // namespace prophet
