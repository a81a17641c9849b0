#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/commands/commands.hpp"
#include "bench/commands/eval_sources.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/version.hpp"

namespace prophet {

void take_counts(EvalPanel& panel, Evaluated& evaluated) {
  evaluated.report = panel.report();
  evaluated.left_out = panel.left_out();
  evaluated.slabs = panel.slabs();
  evaluated.staging_slabs = panel.staging_slabs();
  evaluated.decode_steps = panel.evaluation().decode_steps();
  evaluated.decode_tokens = panel.evaluation().decode_tokens();
}

void add_lead(const EvalSetup& setup, double layer_ns, double expert_ns, bool simulated,
              ForecastReport& report) {
  for (const std::uint32_t ahead : setup.ahead)
    report.lead.push_back({ahead, ahead * layer_ns, ahead * layer_ns / expert_ns});
  report.lead_is_simulated = simulated;
}

namespace {

std::string preamble(const EvalArguments& arguments, const Evaluated& evaluated) {
  const ExpertGrid& grid = evaluated.report.grid;
  std::string text = evaluated.head;
  text += fmt::format(
      "steps   {} decode steps with {} tokens of {} lane{}; a forecast is of all lanes together\n",
      evaluated.decode_steps, evaluated.decode_tokens, arguments.schedule.lanes,
      arguments.schedule.lanes == 1 ? "" : "s");
  text += fmt::format("cache   {} + {} slabs for {} experts under {}, which nothing is prefetched into\n",
                      evaluated.slabs, evaluated.staging_slabs, grid.size(), arguments.setup.policy);
  text += "command " + command_line_text() + "\n";
  const Version version = program_version();
  return text + fmt::format("run     seed {}, prophet {} ({}{})\n", arguments.setup.seed, version.version,
                            version.git_commit, version.git_dirty ? ", modified" : "");
}

nlohmann::json document(const EvalArguments& arguments, const Evaluated& evaluated) {
  nlohmann::json provenance = provenance_json();
  provenance.update(evaluated.provenance);
  provenance["layers"] = evaluated.report.grid.layers;
  provenance["experts"] = evaluated.report.grid.experts;
  provenance["batch"] = arguments.schedule.lanes;
  provenance["decode_steps"] = evaluated.decode_steps;
  provenance["decode_tokens"] = evaluated.decode_tokens;
  provenance["policy"] = arguments.setup.policy;
  provenance["slabs"] = evaluated.slabs;
  provenance["staging_slabs"] = evaluated.staging_slabs;
  provenance["seed"] = arguments.setup.seed;
  provenance["left_out"] = evaluated.left_out;
  return {{"schema_version", report_schema_version},
          {"provenance", std::move(provenance)},
          {"rows", forecast_rows_json(evaluated.report)},
          {"lead", lead_json(evaluated.report)}};
}

void check_source(const EvalArguments& arguments, bool names_trace) {
  if (arguments.is_live() &&
      (names_trace || !arguments.source.sizes_of.empty() || arguments.source.train_fraction >= 0 ||
       arguments.schedule.steps != 0 || !arguments.routers.folder.empty())) {
    throw Error(ErrorCode::usage,
                "--text and --ids: a live model reads them, expected none of --trace, --sizes-of, "
                "--train-fraction, --routers and --steps beside them");
  }
  if (!arguments.is_live() && (arguments.window_tokens || arguments.tokens_max)) {
    throw Error(ErrorCode::usage, "--window and --tokens-max: are of a text, expected --text or --ids");
  }
}

void eval_predictor(const EvalArguments& arguments) {
  set_quiet(arguments.setup.quiet);
  check_one_stdout(arguments.json_path, arguments.csv_path);
  check_writable(arguments.json_path);
  check_writable(arguments.csv_path);
  const Evaluated evaluated = arguments.is_live() ? evaluate_live(arguments) : evaluate_recorded(arguments);
  for (const std::string& sentence : evaluated.left_out) log_warning("left out: " + sentence);
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
      "eval-predictor", "Score predictors on recorded or live routing: recall, what of it pays, calibration");
  const auto arguments = std::make_shared<EvalArguments>();
  add_trace_options(*command, arguments->source);
  add_routers_options(*command, arguments->routers);
  command->add_option(
      "--text", arguments->text,
      "Instead of --trace: a live model, of the folder --model, reads the bytes of this file");
  command->add_option("--ids", arguments->ids, "The same of a file of token ids with blanks between them");
  command->add_option("--window", arguments->window_tokens,
                      "Tokens of the text that make a sequence; default: the model's context, at most 4096");
  command->add_option("--tokens-max", arguments->tokens_max, "Read only so many tokens of the text");
  add_eval_options(*command, arguments->setup);
  command->add_option("--batch", arguments->schedule.lanes, "Lanes decoded in lock-step")
      ->capture_default_str();
  command->add_option("--steps", arguments->schedule.steps, "Decode steps at most; 0: the whole trace")
      ->capture_default_str();
  command->add_option(
      "--device", arguments->device,
      "Of a trace: sim:PROFILE (see prophet profiles), whose layers lead times are counted in; "
      "of a text: cpu or cuda[:N], where the model runs");
  command->add_flag("--per-layer", arguments->per_layer, "Print the recall of every layer too");
  command->add_flag("--reliability", arguments->reliability,
                    "Print what came of forecasts by their probability too");
  command->add_option("--json", arguments->json_path, "Write everything as JSON (- is stdout)");
  command->add_option("--csv", arguments->csv_path, "Write the rows as CSV (- is stdout)");
  command->add_flag("--quiet", arguments->setup.quiet, "No progress and no remarks on stderr");
  command->callback([arguments, command] {
    check_source(*arguments, command->count("--trace") != 0);
    eval_predictor(*arguments);
  });
}

}  // namespace prophet
