#include "bench/micro/request_streams.hpp"

#include <cstdlib>

#include "runtime/engine/batch_schedule.hpp"
#include "runtime/trace/load_trace.hpp"
#include "runtime/trace/synth.hpp"

namespace prophet::micro {
namespace {

constexpr std::uint64_t traced_steps = 60'000;

RequestGroups first_steps(const RoutingTrace& trace, std::uint64_t steps) {
  const SequenceSplit split = split_sequences(trace, sequence_flags::repetitive, 0.0, 0);
  const ScheduleOptions options{.lanes = 1, .steps = steps};
  return collect_requests(trace, BatchSchedule(trace, split.test, options));
}

}  // namespace

RequestGroups synthetic_requests(const StreamShape& shape) {
  SynthOptions options;
  options.layers = shape.layers;
  options.experts = shape.experts;
  options.top_k = shape.top_k;
  options.mean_sequence_tokens = 250;
  // Lengths are random: enough sequences for the steps, of which the first are taken.
  options.sequences = 8 + shape.steps / 200;
  return first_steps(synthesise(options), shape.steps);
}

std::optional<RoutingTrace> traced_routing() {
  const char* path = std::getenv("PROPHET_TRACE");
  if (path == nullptr || *path == '\0') return std::nullopt;
  return load_trace(path);
}

std::optional<RequestGroups> traced_requests() {
  const std::optional<RoutingTrace> trace = traced_routing();
  if (!trace) return std::nullopt;
  return first_steps(*trace, traced_steps);
}

}  // namespace prophet::micro
