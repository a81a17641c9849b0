#include "bench/commands/replay_trace.hpp"

#include <fmt/format.h>

#include "prophet/error.hpp"
#include "runtime/model/catalogue.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/trace/join_traces.hpp"

namespace prophet {
namespace {

void check_fit(const std::string& name, const RoutingTrace& trace, const ModelShape& model) {
  const auto refuse = [&](const char* what, std::uint32_t traced, std::uint32_t expected) {
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: the trace has {} {}, but {} has {}: expected a trace of that model, or "
                            "--sizes-of instead of --model",
                            name, traced, what, model.name, expected));
  };
  const TraceShape& shape = trace.shape();
  if (shape.grid.layers != model.grid.layers) refuse("MoE layers", shape.grid.layers, model.grid.layers);
  if (shape.grid.experts != model.grid.experts)
    refuse("experts a layer", shape.grid.experts, model.grid.experts);
  if (shape.top_k != model.top_k) refuse("experts a token (top-k)", shape.top_k, model.top_k);
}

/// The model of the run, and whether it gives sizes only. A trace that names a model of the catalogue needs
/// no option.
void choose_model(const TraceSetup& setup, TraceToReplay& chosen) {
  chosen.sizes_only = setup.model.empty();
  if (!setup.model.empty()) {
    chosen.model = load_model(setup.model);
  } else if (!setup.sizes_of.empty()) {
    chosen.model = load_model(setup.sizes_of);
  } else if (is_bundled_trace(setup.trace)) {
    chosen.model = load_model(sample_sizes_of);
  } else if (auto named = find_in_catalogue(chosen.trace.provenance().model)) {
    chosen.model = *std::move(named);
    chosen.sizes_only = false;
  } else if (!setup.needs_sizes) {
    chosen.model.name = chosen.trace.provenance().model;
  } else {
    throw Error(ErrorCode::usage,
                fmt::format("--trace {}: neither --model nor --sizes-of is given: expected the model of the "
                            "trace, or one whose sizes its experts take",
                            setup.trace));
  }
}

/// Whose sequences are for training; empty: some of the replayed trace's, or none.
std::string choose_training(const TraceSetup& setup, bool learns) {
  if (setup.train_trace.empty()) {
    const bool has_other_part = setup.trace == sample_trace && setup.train_fraction < 0;
    return learns && has_other_part ? std::string(sample_train_trace) : std::string();
  }
  if (setup.train_fraction >= 0) {
    throw Error(ErrorCode::usage,
                fmt::format("--train-trace {} and --train-fraction {}: expected one of them",
                            setup.train_trace, setup.train_fraction));
  }
  if (setup.train_trace == setup.trace) {
    throw Error(ErrorCode::usage,
                fmt::format("--train-trace {}: is the trace that is replayed, expected another one: what "
                            "learns may not have seen it",
                            setup.train_trace));
  }
  return setup.train_trace;
}

void put_training_in_front(const TraceSetup& setup, TraceToReplay& loaded, std::uint64_t seed) {
  const RoutingTrace training = open_trace(loaded.train_trace);
  loaded.train_sequences = static_cast<std::uint32_t>(training.sequences().size());
  loaded.train_tokens = training.tokens();
  loaded.split = split_sequences(loaded.trace, setup.skip_flags, 0.0, seed);
  loaded.split.train = split_sequences(training, setup.skip_flags, 0.0, seed).test;
  for (SequenceId& sequence : loaded.split.test) sequence.value += loaded.train_sequences;
  loaded.trace = join_traces(training, loaded.trace);
}

}  // namespace

void add_trace_options(CLI::App& command, TraceSetup& setup) {
  command
      .add_option("--trace", setup.trace,
                  "Routing trace: .ptrace, .mrt, .mrt.xz, .npy, .npz, .csv, .jsonl; sample and sample-train "
                  "are of the bundled sample model")
      ->capture_default_str();
  auto* const model = command.add_option("--model", setup.model,
                                         "The trace's model: a name (see prophet models), a Hugging Face "
                                         "config.json or its folder; default: the "
                                         "one that the trace names");
  command
      .add_option(
          "--sizes-of", setup.sizes_of,
          fmt::format("Instead of --model: the trace's routing, with experts and other weights of the "
                      "sizes of this model; default of the sample: {}",
                      sample_sizes_of))
      ->excludes(model);
  command
      .add_option("--skip-flags", setup.skip_flags,
                  "Leave out sequences with any of these flags: 1 finished, 2 repetitive, 4 batched step, 8 "
                  "duplicate")
      ->capture_default_str();
  command.add_option("--train-trace", setup.train_trace,
                     "Trace of which policies and predictors learn; default: sample-train for the sample, "
                     "else sequences of --trace");
  command.add_option("--train-fraction", setup.train_fraction,
                     "Share of the sequences that only train; default: 0.5 when a policy or predictor learns "
                     "and there is no other trace for it, else 0");
}

TraceToReplay load_trace_to_replay(const TraceSetup& setup, bool learns, std::uint64_t seed) {
  TraceToReplay loaded;
  loaded.train_trace = choose_training(setup, learns);
  loaded.trace = open_trace(setup.trace);
  choose_model(setup, loaded);
  if (!loaded.sizes_only) check_fit(setup.trace, loaded.trace, loaded.model);
  if (!loaded.train_trace.empty()) {
    put_training_in_front(setup, loaded, seed);
    return loaded;
  }
  const double fraction = setup.train_fraction >= 0 ? setup.train_fraction : (learns ? 0.5 : 0.0);
  loaded.split = split_sequences(loaded.trace, setup.skip_flags, fraction, seed);
  return loaded;
}

}  // namespace prophet
