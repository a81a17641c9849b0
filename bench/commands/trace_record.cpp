#include "bench/commands/trace_record.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "bench/commands/live_setup.hpp"
#include "bench/commands/trace_files.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "runtime/base/version.hpp"
#include "runtime/engine/live/trace_recorder.hpp"

namespace prophet {
namespace {

struct RecordArguments {
  LiveSetup live;
  std::string out;
  std::string hidden_dtype = "bf16";
  bool force = false;
  TraceProvenance provenance;
};

HiddenDtype parse_hidden_dtype(const std::string& name) {
  if (name == "bf16") return HiddenDtype::bf16;
  if (name == "fp32") return HiddenDtype::fp32;
  throw Error(ErrorCode::usage, fmt::format("--hidden-dtype {}: expected bf16 or fp32", name));
}

RecordedShape shape_of(const DecoderConfig& config, const RecordArguments& arguments) {
  RecordedShape shape = recorded_shape_of(config);
  shape.hidden_size = arguments.live.records_hidden ? config.architecture.hidden_size : 0;
  shape.hidden_dtype = parse_hidden_dtype(arguments.hidden_dtype);
  return shape;
}

TraceProvenance provenance_of(const RecordArguments& arguments, const LiveWeights& weights) {
  TraceProvenance provenance = arguments.provenance;
  if (provenance.model.empty()) {
    const std::filesystem::path folder = std::filesystem::path(arguments.live.model).lexically_normal();
    provenance.model = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  }
  if (provenance.source.empty()) {
    const Version version = program_version();
    provenance.source = fmt::format("recorded by prophet {} ({}{}), experts in {}", version.version,
                                    version.git_commit, version.git_dirty ? ", modified" : "",
                                    kernels::format_info(weights.layout().shape.format).name);
  }
  return provenance;
}

void record(RecordArguments& arguments) {
  check_output(arguments.out, arguments.force);
  (void)parse_hidden_dtype(arguments.hidden_dtype);
  if (std::filesystem::path(arguments.out).extension() != ".ptrace") {
    throw Error(
        ErrorCode::usage,
        fmt::format("{}: expected a name that ends in .ptrace; prophet trace export writes other formats",
                    arguments.out));
  }
  const std::string hidden = arguments.out + ".hidden";
  if (arguments.live.records_hidden && !arguments.force && std::filesystem::exists(hidden)) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: exists; expected a new name, or --force to overwrite it", hidden));
  }
  const auto loaded = load_live(arguments.live);
  LiveSession& session = *loaded->session;
  TraceRecorder recorder(shape_of(session.weights().config(), arguments));
  ReplayCase all;
  all.slabs = session.weights().config().shape.grid.size();
  const LiveRow row = session.run(all, {}, &recorder);
  recorder.write(arguments.out, provenance_of(arguments, session.weights()), loaded->requests,
                 row.continuations);
  fmt::print("{}: {} tokens of {} sequences, {} layers x top-{} of {} experts, with the routers' weights{}\n",
             arguments.out, recorder.tokens(), loaded->requests.size(),
             session.weights().config().shape.grid.layers, session.weights().config().shape.top_k,
             session.weights().config().shape.grid.experts,
             arguments.live.records_hidden ? " and inputs" : "");
}

}  // namespace

void add_trace_record(CLI::App& trace) {
  auto& command = *trace.add_subcommand(
      "record",
      "Run a live model and record what its routers decide, as prompts are continued or texts are read");
  const auto arguments = std::make_shared<RecordArguments>();
  command.add_option("OUT", arguments->out, "Trace to write, .ptrace")->required();
  command.add_flag("--force", arguments->force, "Replace an existing file");
  add_live_options(command, arguments->live);
  command
      .add_option(
          "--text-file", arguments->live.text_files,
          "File that the model reads as if it had written it, up to --max-new-tokens; may be given again")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command
      .add_option("--text-prompt", arguments->live.text_prompt_tokens,
                  "Tokens at the front of each --text-file that count as its prompt")
      ->capture_default_str();
  auto* const hidden = command.add_flag("--hidden", arguments->live.records_hidden,
                                        "Write the routers' inputs too, to OUT.hidden: replays apply routers "
                                        "to them (--routers)");
  command
      .add_option("--hidden-dtype", arguments->hidden_dtype,
                  "bf16, rounded, or fp32: as the routers had them, so that a replay hears exactly what the "
                  "live model does")
      ->capture_default_str()
      ->needs(hidden);
  command.add_option("--name", arguments->provenance.model, "Name of the model; default: that of its folder");
  command.add_option("--source", arguments->provenance.source, "Who recorded it; default: this program");
  command.add_option("--licence", arguments->provenance.licence, "SPDX expression")->default_val("unknown");
  command.add_option("--note", arguments->provenance.note, "What a reader of tables made from it must know");
  command.callback([arguments] { record(*arguments); });
}

}  // namespace prophet
