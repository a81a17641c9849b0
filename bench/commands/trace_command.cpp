#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "bench/commands/bundled_traces.hpp"
#include "bench/commands/commands.hpp"
#include "bench/commands/trace_files.hpp"
#include "bench/commands/trace_info.hpp"
#include "bench/commands/trace_record.hpp"
#include "prophet/error.hpp"
#include "runtime/base/log.hpp"
#include "runtime/trace/atomic_file.hpp"
#include "runtime/trace/synth.hpp"

namespace prophet {
namespace {

constexpr const char* formats_help = ".ptrace, .mrt, .mrt.xz, .npy, .npz, .csv or .jsonl";

/// Where a subcommand reads and writes.
struct Paths {
  std::filesystem::path in;
  std::filesystem::path out;
  bool force = false;
};

std::string trace_help() {
  return fmt::format("Trace to read: {}; or sample or sample-train, the bundled ones", formats_help);
}

void add_input(CLI::App& command, Paths& paths, const std::string& help = trace_help()) {
  command.add_option("IN", paths.in, help)->required();
}

void add_output(CLI::App& command, Paths& paths) {
  command.add_option("OUT", paths.out, fmt::format("Trace to write; its ending says how: {}", formats_help))
      ->required();
  command.add_flag("--force", paths.force, "Overwrite OUT if it exists");
}

void report_written(const RoutingTrace& trace, const std::filesystem::path& path) {
  fmt::print("{}: {} tokens in {} sequences, {} layers, top-{} of {} experts{}\n", path.string(),
             trace.tokens(), trace.sequences().size(), trace.shape().grid.layers, trace.shape().top_k,
             trace.shape().grid.experts, trace.provenance().synthetic ? ", synthetic" : "");
}

void write_and_report(const RoutingTrace& trace, const Paths& paths) {
  write_trace_as(trace, paths.out);
  report_written(trace, paths.out);
}

struct InfoArguments {
  std::filesystem::path in;
  std::filesystem::path json;
  TraceStatisticsOptions options;
};

void run_info(const InfoArguments& arguments) {
  const RoutingTrace trace = open_trace(arguments.in);
  const TraceStatistics statistics = measure_trace(trace, arguments.options);
  const TraceInfo info{arguments.in, trace, arguments.options, statistics};
  if (!arguments.json.empty()) {
    const std::string json = trace_info_json(info);
    AtomicFile file(arguments.json);
    file.write(std::as_bytes(std::span(json)));
    file.commit();
  }
  fmt::print("{}", trace_info_table(info));
}

void add_info(CLI::App& trace) {
  auto& command =
      *trace.add_subcommand("info", "Say what a trace holds, where it is from and how local its routing is");
  const auto arguments = std::make_shared<InfoArguments>();
  command.add_option("FILE", arguments->in, trace_help())->required();
  command.add_option("--json", arguments->json, "Write the same to this file as JSON")->type_name("FILE");
  command
      .add_option("--skip-flags", arguments->options.skip_flags,
                  "Leave out sequences with any of these flags: 1 finished, 2 repetitive, 4 batched step, 8 "
                  "duplicate")
      ->type_name("MASK")
      ->capture_default_str();
  command
      .add_option("--batches", arguments->options.sampled_batches,
                  "Batches sampled for each number of unique experts")
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--seed", arguments->options.seed, "Seed of that sampling")
      ->type_name("SEED")
      ->capture_default_str();
  command.callback([arguments] { run_info(*arguments); });
}

struct ImportArguments {
  Paths paths;
  ImportOptions options;
};

void add_import(CLI::App& trace) {
  auto& command =
      *trace.add_subcommand("import", "Bring routing from another format, and say what its file does not");
  const auto arguments = std::make_shared<ImportArguments>();
  ImportOptions& options = arguments->options;
  add_input(command, arguments->paths, fmt::format("Trace to read: {}", formats_help));
  add_output(command, arguments->paths);
  command.add_option("--model", options.model, "Name of the traced model")->type_name("NAME");
  command
      .add_option(
          "--experts", options.experts,
          fmt::format(
              "Experts per layer; default: what the file says, else the largest id + 1 rounded up to a "
              "multiple of {}",
              ImportOptions::expert_count_unit))
      ->type_name("N");
  command
      .add_option("--dense-layers", options.dense_layers,
                  "Leading columns of a .npy or .npz that belong to dense layers, to be dropped")
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--source", options.source, "Who recorded it, with a version")->type_name("TEXT");
  command
      .add_option("--licence", options.licence, "SPDX expression; default: what the file says, else unknown")
      ->type_name("SPDX");
  command.add_option("--note", options.note, "What a reader of tables made from it must know")
      ->type_name("TEXT");
  command.add_flag("--synthetic", options.synthetic, "Mark it as synthetic; the mark cannot be taken off");
  command.callback([arguments] {
    check_output(arguments->paths.out, arguments->paths.force);
    write_and_report(load_trace_with(arguments->paths.in, arguments->options), arguments->paths);
  });
}

struct ExportArguments {
  Paths paths;
  bool keeps_weights = true;
};

void add_export(CLI::App& trace) {
  auto& command = *trace.add_subcommand("export", "Write a trace in another format");
  const auto arguments = std::make_shared<ExportArguments>();
  add_input(command, arguments->paths);
  add_output(command, arguments->paths);
  command.add_flag("!--no-weights", arguments->keeps_weights,
                   "Leave the routers' weights out: replays need none, and they are most of a file");
  command.callback([arguments] {
    const Paths& paths = arguments->paths;
    check_output(paths.out, paths.force);
    const RoutingTrace read = open_trace(paths.in);
    write_and_report(arguments->keeps_weights ? read : without_weights(read), paths);
  });
}

struct SynthArguments {
  Paths paths;
  SynthOptions options;
};

void add_synth_shape(CLI::App& command, SynthOptions& options) {
  const auto number = [&](const char* flag, auto& value, const char* help) {
    command.add_option(flag, value, help)->type_name("N")->capture_default_str()->group("Shape");
  };
  command.add_option("--model", options.model, "Name that the trace gives its model")
      ->type_name("NAME")
      ->capture_default_str()
      ->group("Shape");
  number("--layers", options.layers, "MoE layers, 1 to 1024");
  number("--experts", options.experts, "Experts per layer, 1 to 4096");
  number("--top-k", options.top_k, "Experts per token and layer, 1 to 64");
  number("--sequences", options.sequences, "Sequences");
  number("--mean-tokens", options.mean_sequence_tokens, "Mean decoded tokens of a sequence (geometric)");
  number("--max-tokens", options.max_sequence_tokens, "Most decoded tokens of a sequence, to 1048576");
  number("--prefill-tokens", options.prefill_tokens, "Prompt tokens of each sequence, on top, to 1048576");
  number("--seed", options.seed, "Seed; the same options give the same trace");
  command.add_flag("--weights", options.weights, "Draw router weights too")->group("Shape");
}

void add_synth_locality(CLI::App& command, SynthOptions& options) {
  const auto real = [&](const char* flag, double& value, const char* help) {
    command.add_option(flag, value, help)->type_name("X")->capture_default_str()->group("Locality");
  };
  real("--zipf", options.zipf_exponent, "Exponent of the popularity of experts, 0 (uniform) to 4");
  real("--persistence", options.persistence, "Chance that an expert of the token before is kept, 0 to 1");
  real("--coupling", options.coupling, "Chance that a place follows an expert of the layer before, 0 to 1");
  real("--topic-fraction", options.topic_fraction,
       "Share of a layer's experts in the topic of a sequence, 0 to 1");
  real("--topic-strength", options.topic_strength, "Chance that a fresh draw is from the topic, 0 to 1");
  real("--topic-drift", options.topic_drift, "Chance, per token, that a topic expert is replaced, 0 to 1");
}

void add_synth(CLI::App& trace) {
  auto& command =
      *trace.add_subcommand("synth",
                            "Draw a synthetic trace: each token keeps experts of the token before it "
                            "(persistence), follows experts of\n"
                            "the layer before (coupling), and draws the rest by popularity, in part from the "
                            "topic of its sequence.\n"
                            "The trace is marked synthetic, and every conversion keeps the mark.");
  const auto arguments = std::make_shared<SynthArguments>();
  add_output(command, arguments->paths);
  add_synth_shape(command, arguments->options);
  add_synth_locality(command, arguments->options);
  command.callback([arguments] {
    check_output(arguments->paths.out, arguments->paths.force);
    write_and_report(synthesise(arguments->options), arguments->paths);
  });
}

struct SliceArguments {
  Paths paths;
  std::string sequences;
};

/// FIRST:LAST, decimal.
std::pair<std::uint64_t, std::uint64_t> parse_range(const std::string& text) {
  const char* const end = text.data() + text.size();
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  const auto front = std::from_chars(text.data(), end, first);
  if (front.ec == std::errc{} && front.ptr != end && *front.ptr == ':') {
    const auto back = std::from_chars(front.ptr + 1, end, last);
    if (back.ec == std::errc{} && back.ptr == end) return {first, last};
  }
  throw Error(ErrorCode::usage, fmt::format("--sequences is '{}', expected FIRST:LAST, such as 0:64", text));
}

void add_slice(CLI::App& trace) {
  auto& command = *trace.add_subcommand("slice", "Write some of a trace's sequences as a trace of their own");
  const auto arguments = std::make_shared<SliceArguments>();
  add_input(command, arguments->paths);
  add_output(command, arguments->paths);
  command.add_option("--sequences", arguments->sequences, "Sequences FIRST to LAST - 1, counted from 0")
      ->type_name("FIRST:LAST")
      ->required();
  command.callback([arguments] {
    const auto [first, last] = parse_range(arguments->sequences);
    check_output(arguments->paths.out, arguments->paths.force);
    write_and_report(slice_sequences(open_trace(arguments->paths.in), first, last), arguments->paths);
  });
}

}  // namespace

void add_trace_command(CLI::App& app) {
  auto& trace = *app.add_subcommand("trace", "Look at routing traces, convert them, draw synthetic ones");
  trace.require_subcommand(1);
  add_info(trace);
  add_import(trace);
  add_export(trace);
  add_synth(trace);
  add_slice(trace);
  add_trace_record(trace);
}

}  // namespace prophet
