#include "runtime/trace/join_traces.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "prophet/error.hpp"

namespace prophet {
namespace {

void check_shapes(const TraceShape& first, const TraceShape& second) {
  const auto refuse = [](const char* what, std::uint32_t one, std::uint32_t other) {
    throw Error(ErrorCode::bad_input,
                fmt::format("two traces of {} and {} {}: expected traces of one model", one, other, what));
  };
  if (first.grid.layers != second.grid.layers) refuse("MoE layers", first.grid.layers, second.grid.layers);
  if (first.grid.experts != second.grid.experts)
    refuse("experts a layer", first.grid.experts, second.grid.experts);
  if (first.top_k != second.top_k) refuse("experts a token (top-k)", first.top_k, second.top_k);
}

template <class Value>
std::vector<Value> joined(std::span<const Value> first, std::span<const Value> second) {
  std::vector<Value> both;
  both.reserve(first.size() + second.size());
  both.insert(both.end(), first.begin(), first.end());
  both.insert(both.end(), second.begin(), second.end());
  return both;
}

}  // namespace

RoutingTrace join_traces(const RoutingTrace& first, const RoutingTrace& second) {
  check_shapes(first.shape(), second.shape());
  std::vector<SequenceInfo> sequences = joined(first.sequences(), second.sequences());
  for (std::size_t s = first.sequences().size(); s < sequences.size(); ++s)
    sequences[s].first_token += first.tokens();
  TraceProvenance provenance = second.provenance();
  provenance.synthetic = provenance.synthetic || first.provenance().synthetic;
  std::vector<float> weights;
  if (first.has_weights() && second.has_weights())
    weights = joined(first.weight_storage(), second.weight_storage());
  return RoutingTrace(second.shape(), std::move(provenance), std::move(sequences),
                      joined(first.id_storage(), second.id_storage()), std::move(weights));
}

}  // namespace prophet
