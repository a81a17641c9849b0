#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/commands/commands.hpp"
#include "bench/commands/eval_setup.hpp"
#include "bench/commands/replay_setup.hpp"
#include "bench/commands/replay_trace.hpp"
#include "bench/report/forecast_rows.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/version.hpp"

namespace prophet {
namespace {

/// Steps of the all-resident replay that says how long a layer takes.
constexpr std::uint64_t lead_steps = 64;

struct EvalArguments {
  EvalSetup setup;
  TraceSetup source;
  ScheduleOptions schedule;
  std::string device;  ///< sim:PROFILE, whose layers a lead time is counted in; empty: none is
  bool per_layer = false;
  bool reliability = false;
  std::string json_path;
  std::string csv_path;
};

/// What was scored, and on what.
struct Evaluated {
  TraceToReplay source;
  std::unique_ptr<EvalPanel> panel;
  ForecastReport report;
  std::uint64_t decode_steps = 0;
  std::uint64_t decode_tokens = 0;
  std::string device;  ///< of the lead times
};

void check(const EvalArguments& arguments) {
  if (!arguments.device.empty() && arguments.device.rfind("sim:", 0) != 0) {
    throw Error(ErrorCode::usage,
                fmt::format("--device {}: lead times are counted in a profile's layers: expected sim:PROFILE "
                            "(see prophet profiles)",
                            arguments.device));
  }
  check_one_stdout(arguments.json_path, arguments.csv_path);
  check_writable(arguments.json_path);
  check_writable(arguments.csv_path);
}

void show_progress(std::uint64_t done, std::uint64_t steps) {
  fmt::print(stderr, "\r{:>9}/{} steps\033[K", done, steps);
  std::fflush(stderr);
}

PredictorOptions options_of(const EvalArguments& arguments, const TraceToReplay& source,
                            const RequestGroups& future) {
  PredictorOptions options;
  options.grid = source.trace.shape().grid;
  options.top_k = source.trace.shape().top_k;
  options.lanes = arguments.schedule.lanes;
  options.trace = &source.trace;
  options.training = source.split.train;
  options.future = {future.offsets, future.experts};
  return options;
}

void score(const EvalArguments& arguments, Evaluated& evaluated) {
  const BatchSchedule schedule(evaluated.source.trace, evaluated.source.split.test, arguments.schedule);
  const RequestGroups future = collect_requests(evaluated.source.trace, schedule);
  evaluated.panel = std::make_unique<EvalPanel>(
      arguments.setup, options_of(arguments, evaluated.source, future), future, schedule.tokens_max());
  ForecastEvaluation& evaluation = evaluated.panel->evaluation();
  const std::uint64_t steps = future.groups() / future.grid.layers;
  const bool shows_progress = !arguments.setup.quiet && isatty(STDERR_FILENO) != 0;
  std::function<void(std::uint64_t)> progress;
  if (shows_progress) progress = [steps](std::uint64_t done) { show_progress(done, steps); };
  evaluate_trace(evaluated.source.trace, schedule, evaluation, progress);
  if (shows_progress) fmt::print(stderr, "\r\033[K");
  evaluated.report = evaluated.panel->report();
  evaluated.decode_steps = evaluation.decode_steps();
  evaluated.decode_tokens = evaluation.decode_tokens();
}

/// Of a step in which every expert is resident, on the profile's virtual clock.
void measure_lead(const EvalArguments& arguments, Evaluated& evaluated) {
  if (arguments.device.empty()) return;
  const TraceToReplay& source = evaluated.source;
  Workload workload = real_workload(source.model, source.model.expert_dtype);
  workload.grid = source.trace.shape().grid;
  workload.top_k = source.trace.shape().top_k;
  SessionOptions options;
  options.device = arguments.device;
  options.steps = lead_steps;
  options.seed = arguments.setup.seed;
  ReplaySession session(source.trace, source.split, workload, options, nullptr);
  const ReplayMetrics& resident = session.all_resident(arguments.schedule.lanes).metrics;
  const double layer_ns =
      static_cast<double>(quantile_ns(resident.step_ns, 0.5)) / static_cast<double>(workload.grid.layers);
  const double expert_ns = static_cast<double>(workload.expert_bytes) / session.link_bytes_per_s() * 1e9;
  for (const std::uint32_t ahead : arguments.setup.ahead)
    evaluated.report.lead.push_back({ahead, ahead * layer_ns, ahead * layer_ns / expert_ns});
  evaluated.device = session.device_info().name;
}

std::string preamble(const EvalArguments& arguments, const Evaluated& evaluated) {
  const TraceToReplay& source = evaluated.source;
  const TraceProvenance& origin = source.trace.provenance();
  const TraceShape& shape = source.trace.shape();
  std::string text =
      fmt::format("trace   {}: {}{}, {} MoE layers x {} experts, top-{}\n", arguments.source.trace,
                  origin.model.empty() || origin.model == "unknown" ? "model not named" : origin.model,
                  origin.synthetic ? ", SYNTHETIC" : "", shape.grid.layers, shape.grid.experts, shape.top_k);
  text += fmt::format("        {} sequences scored, {} for training{}, {} skipped by flags {}\n",
                      source.split.test.size(), source.split.train.size(),
                      source.train_trace.empty() ? "" : " from " + source.train_trace, source.split.skipped,
                      arguments.source.skip_flags);
  text +=
      fmt::format("steps   {} decode steps of {} lanes; forecasts for a layer are of all lanes together\n",
                  evaluated.decode_steps, arguments.schedule.lanes);
  text += fmt::format("cache   {} + {} slabs of {} experts under {}, which nothing is prefetched into\n",
                      evaluated.panel->slabs(), evaluated.panel->staging_slabs(), shape.grid.size(),
                      arguments.setup.policy);
  if (!evaluated.device.empty())
    text += fmt::format("device  {}: lead times are SIMULATED\n", evaluated.device);
  text += "command " + command_line_text() + "\n";
  const Version version = program_version();
  return text + fmt::format("run     seed {}, prophet {} ({}{})\n", arguments.setup.seed, version.version,
                            version.git_commit, version.git_dirty ? ", modified" : "");
}

nlohmann::json lead_json(const ForecastReport& report) {
  nlohmann::json all = nlohmann::json::array();
  for (const LeadTime& lead : report.lead) {
    all.push_back({{"ahead", lead.ahead},
                   {"lead_ns", lead.lead_ns},
                   {"experts_copied", lead.experts_copied},
                   {"simulated", true}});
  }
  return all;
}

nlohmann::json document(const EvalArguments& arguments, const Evaluated& evaluated) {
  const TraceToReplay& source = evaluated.source;
  nlohmann::json provenance = provenance_json();
  add_trace_provenance(provenance, arguments.source.trace, source.trace);
  provenance["trace_tokens"] = source.trace.tokens() - source.train_tokens;
  provenance["trace_sequences"] = source.trace.sequences().size() - source.train_sequences;
  provenance["train_trace"] = nullptr;
  if (!source.train_trace.empty()) provenance["train_trace"] = source.train_trace;
  provenance["sequences_scored"] = source.split.test.size();
  provenance["sequences_training"] = source.split.train.size();
  provenance["sequences_skipped"] = source.split.skipped;
  provenance["skip_flags"] = arguments.source.skip_flags;
  provenance["model"] = source.model.name;
  provenance["layers"] = evaluated.report.grid.layers;
  provenance["experts"] = evaluated.report.grid.experts;
  provenance["top_k"] = source.trace.shape().top_k;
  provenance["batch"] = arguments.schedule.lanes;
  provenance["decode_steps"] = evaluated.decode_steps;
  provenance["decode_tokens"] = evaluated.decode_tokens;
  provenance["policy"] = arguments.setup.policy;
  provenance["slabs"] = evaluated.panel->slabs();
  provenance["staging_slabs"] = evaluated.panel->staging_slabs();
  provenance["seed"] = arguments.setup.seed;
  provenance["device"] = nullptr;
  if (!evaluated.device.empty()) provenance["device"] = evaluated.device;
  provenance["left_out"] = evaluated.panel->left_out();
  return {{"schema_version", report_schema_version},
          {"provenance", std::move(provenance)},
          {"rows", forecast_rows_json(evaluated.report)},
          {"lead", lead_json(evaluated.report)}};
}

void eval_predictor(EvalArguments& arguments) {
  set_quiet(arguments.setup.quiet);
  check(arguments);
  arguments.source.needs_sizes = !arguments.device.empty();
  Evaluated evaluated;
  evaluated.source = load_trace_to_replay(arguments.source, learns(arguments.setup), arguments.setup.seed);
  score(arguments, evaluated);
  measure_lead(arguments, evaluated);
  for (const std::string& sentence : evaluated.panel->left_out()) log_warning("left out: " + sentence);
  if (!arguments.json_path.empty())
    write_text_file(arguments.json_path, json_text(document(arguments, evaluated)));
  if (!arguments.csv_path.empty()) write_text_file(arguments.csv_path, forecast_rows_csv(evaluated.report));
  if (arguments.json_path != "-" && arguments.csv_path != "-") {
    fmt::print("{}\n{}", preamble(arguments, evaluated),
               forecast_table(evaluated.report, arguments.per_layer, arguments.reliability));
  }
  check_controls(evaluated.report);
}

}  // namespace

void add_eval_predictor_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "eval-predictor", "Score predictors on recorded routing: recall, what of it pays, calibration");
  const auto arguments = std::make_shared<EvalArguments>();
  add_trace_options(*command, arguments->source);
  add_eval_options(*command, arguments->setup);
  command->add_option("--batch", arguments->schedule.lanes, "Lanes decoded in lock-step")
      ->capture_default_str();
  command->add_option("--steps", arguments->schedule.steps, "Decode steps at most; 0: the whole trace")
      ->capture_default_str();
  command->add_option(
      "--device", arguments->device,
      "sim:PROFILE (see prophet profiles): say how long its layers take, all experts resident");
  command->add_flag("--per-layer", arguments->per_layer, "Print the recall of every layer too");
  command->add_flag("--reliability", arguments->reliability,
                    "Print what came of forecasts by their probability too");
  command->add_option("--json", arguments->json_path, "Write everything as JSON (- is stdout)");
  command->add_option("--csv", arguments->csv_path, "Write the rows as CSV (- is stdout)");
  command->add_flag("--quiet", arguments->setup.quiet, "No progress and no remarks on stderr");
  command->callback([arguments] { eval_predictor(*arguments); });
}

}  // namespace prophet
