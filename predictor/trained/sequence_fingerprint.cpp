#include "predictor/trained/sequence_fingerprint.hpp"

#include <algorithm>
#include <array>

#include "kernels/checksum.hpp"

namespace prophet {

std::uint64_t sequence_fingerprint(const RoutingTrace& trace, SequenceId sequence) {
  const SequenceInfo& info = trace.sequences()[sequence.index()];
  const TraceShape& shape = trace.shape();
  const std::uint64_t token_bytes = std::uint64_t{shape.grid.layers} * shape.top_k * trace.id_bytes();
  const auto ids = trace.id_storage().subspan(info.first_token * token_bytes, info.tokens * token_bytes);
  const std::array<std::uint64_t, 4> parts{shape.grid.layers, shape.grid.experts, shape.top_k,
                                           kernels::checksum(ids)};
  return kernels::checksum(std::as_bytes(std::span(parts)));
}

std::vector<std::uint64_t> fingerprints(const RoutingTrace& trace, std::span<const SequenceId> sequences) {
  std::vector<std::uint64_t> all;
  for (const SequenceId sequence : sequences) all.push_back(sequence_fingerprint(trace, sequence));
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::vector<SequenceId> sequences_apart_from(const RoutingTrace& trace, std::span<const SequenceId> sequences,
                                             std::span<const std::uint64_t> known) {
  std::vector<SequenceId> apart;
  for (const SequenceId sequence : sequences) {
    if (!std::binary_search(known.begin(), known.end(), sequence_fingerprint(trace, sequence)))
      apart.push_back(sequence);
  }
  return apart;
}

}  // namespace prophet
