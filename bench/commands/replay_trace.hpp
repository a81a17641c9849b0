#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "bench/commands/bundled_traces.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/model/model_shape.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// The options that say which routing is replayed, and at whose sizes.
struct TraceSetup {
  std::string trace{sample_trace};
  std::string train_trace;  ///< empty: sequences of `trace`; of the sample trace its other part
  std::string model;        ///< the trace is of this model
  std::string sizes_of;  ///< or is replayed at the sizes of this one; empty: sample_sizes_of for the sample
  std::uint32_t skip_flags = sequence_flags::repetitive;
  double train_fraction = -1;  ///< negative: 0.5 when something must learn from `trace` itself, else 0
  bool needs_sizes = true;     ///< false: a trace of a model that is not known is taken as it is
};

/// Adds them to a subcommand.
void add_trace_options(CLI::App& command, TraceSetup& setup);

/// Routing to replay and the model whose sizes it has, checked against each other.
struct TraceToReplay {
  RoutingTrace trace;                 ///< that of --train-trace in front of that of --trace
  std::string train_trace;            ///< what training came from where that is another trace, else empty
  std::uint32_t train_sequences = 0;  ///< of the other trace
  std::uint64_t train_tokens = 0;     ///< of the other trace
  ModelShape model;
  bool sizes_only = false;  ///< layers, experts and top-k are the trace's, everything else is the model's
  SequenceSplit split;
};

/// `learns`: a policy or predictor needs training sequences. Throws Error{usage} for options that do not go
/// together, Error{bad_input} for traces and models that do not.
[[nodiscard]] TraceToReplay load_trace_to_replay(const TraceSetup& setup, bool learns, std::uint64_t seed);

}  // namespace prophet
