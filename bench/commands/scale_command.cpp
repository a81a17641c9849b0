#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/commands/analyze_setup.hpp"
#include "bench/commands/commands.hpp"
#include "bench/measure/table.hpp"
#include "bench/report/provenance.hpp"
#include "bench/report/scale_rows.hpp"
#include "prophet/error.hpp"
#include "runtime/base/version.hpp"

namespace prophet {
namespace {

using namespace analytic;
using Json = nlohmann::ordered_json;

/// Each outgrows every GPU of the study.
const std::vector<std::string> large_models = {"dbrx",           "grok-1",          "arctic",
                                               "switch-xxl-128", "jamba-1.5-large", "qwen3-235b-a22b",
                                               "deepseek-v2",    "deepseek-v3"};

struct ScaleSetup {
  AnalyzeSetup asked;
  std::vector<std::string> models = large_models;
  std::uint32_t gpus_max = ScaleQuestion().gpus_max;
  std::vector<double> slab_fractions = ScaleQuestion().slab_fractions;
};

void add_scale_options(CLI::App& command, ScaleSetup& setup) {
  command
      .add_option("--model", setup.models,
                  "Names, comma-separated, of the real catalogue also a config.json; by default eight that "
                  "outgrow one GPU")
      ->delimiter(',');
  command.add_option("--gpu", setup.asked.gpu,
                     "A GPU profile, a100-80gb by default; of the real catalogue also the path of one");
  command
      .add_option("--catalogue", setup.asked.catalogue,
                  "study: models as the published study has them; real: as the architectures are")
      ->capture_default_str();
  command.add_option("--batch", setup.asked.batch, "Sequences, each with one token a step; 1 by default");
  command.add_option("--context", setup.asked.context_tokens, "Tokens of each sequence")
      ->capture_default_str();
  command
      .add_option("--gpus-max", setup.gpus_max, fmt::format("GPUs that are tried, 1 to {}", scale_gpus_max))
      ->capture_default_str();
  command.add_option("--parallel", setup.asked.parallel,
                     "tensor (each matrix divided) or expert (experts and sequences divided); by default "
                     "whichever fits on fewer GPUs, of the study's catalogue expert");
  command
      .add_option("--slab-fraction", setup.slab_fractions,
                  "Shares of all experts that the caches keep, comma-separated; 0.75,0.5,0.25,0.125 by "
                  "default")
      ->delimiter(',');
  add_hit_rate_options(command, setup.asked);
  command.add_option("--json", setup.asked.json_path, "Write every way of every model as JSON; - is stdout");
  command.add_option("--csv", setup.asked.csv_path, "Write every way of every model as CSV; - is stdout");
}

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::usage, sentence);
}

/// What `analyze` takes without --parallel, which it takes beside --gpus only.
AnalyzeSetup analyze_part(const ScaleSetup& setup) {
  AnalyzeSetup part = setup.asked;
  part.model = setup.models.front();
  part.parallel.clear();
  return part;
}

void check_scale_setup(const ScaleSetup& setup) {
  for (const std::string& name : setup.models) {
    if (name.empty()) refuse("--model '': expected names of models, comma-separated");
  }
  check_analyze_setup(analyze_part(setup));
  if (!setup.asked.parallel.empty()) static_cast<void>(parse_parallel(setup.asked.parallel));
  if (setup.gpus_max == 0 || setup.gpus_max > scale_gpus_max)
    refuse(fmt::format("--gpus-max {}: expected 1 to {}", setup.gpus_max, scale_gpus_max));
  for (const double fraction : setup.slab_fractions) {
    if (!(fraction > 0 && fraction <= 1))
      refuse(fmt::format("--slab-fraction {}: expected a number in (0, 1]", fraction));
  }
}

/// Of the study's catalogue only expert parallelism, which is refused by its own sentence where another is
/// asked for.
void check_parallel(const CatalogueModel& model, const ScaleQuestion& question) {
  if (!model.shape && question.parallel == Parallel::tensor)
    check_division(model, {gpus_max, Parallel::tensor});
}

struct Result {
  ScaleAsked asked;
  std::vector<ModelScaling> models;
};

Result scale_all(const ScaleSetup& setup) {
  const AnalyzeSelection selection = analyze_selection(analyze_part(setup));
  Result result{{selection.catalogue, selection.gpus.front(), {}}, {}};
  ScaleQuestion& question = result.asked.question;
  question.batch = selection.batches.front();
  question.options = selection.options;
  if (!setup.asked.parallel.empty()) question.parallel = parse_parallel(setup.asked.parallel);
  question.gpus_max = setup.gpus_max;
  question.slab_fractions = setup.slab_fractions;
  for (const std::string& name : setup.models) {
    result.models.push_back({catalogue_model(selection.catalogue, name), {}});
    check_parallel(*result.models.back().model, question);
  }
  for (ModelScaling& scaling : result.models)
    scaling.answers = scale(scaling.model, result.asked.gpu, question);
  return result;
}

Json provenance_of(const ScaleSetup& setup, const Result& result) {
  const ScaleQuestion& question = result.asked.question;
  Json provenance(provenance_json());
  provenance["catalogue"] = catalogue_name(result.asked.catalogue);
  provenance["gpu"] = result.asked.gpu.profile.name;
  provenance["batch"] = question.batch;
  provenance["context_tokens"] = question.options.context_tokens;
  provenance["gpus_max"] = question.gpus_max;
  provenance["parallel"] = question.parallel ? Json(parallel_name(*question.parallel)) : Json();
  provenance["zipf"] = question.options.zipf;
  if (question.options.hit_rate) provenance["hit_rate"] = *question.options.hit_rate;
  if (!setup.asked.curve_path.empty()) provenance["curve"] = setup.asked.curve_path;
  provenance["measured"] = false;
  for (const ModelScaling& scaling : result.models)
    provenance["model_sources"][scaling.model->model.name] = scaling.model->model.source;
  return provenance;
}

void report(const ScaleSetup& setup, const Result& result) {
  if (setup.asked.json_path != "-" && setup.asked.csv_path != "-") {
    const Version version = program_version();
    fmt::print("command {}\nrun     arithmetic, nothing was measured; prophet {} ({}{})\n\n{}",
               command_line_text(), version.version, version.git_commit,
               version.git_dirty ? ", modified" : "", scale_table(result.asked, result.models));
  }
  const Json rows = scale_rows(result.asked, result.models);
  if (!setup.asked.csv_path.empty()) write_text_file(setup.asked.csv_path, measure::csv_text(rows));
  if (setup.asked.json_path.empty()) return;
  Json document = {{"schema_version", report_schema_version}};
  document["provenance"] = provenance_of(setup, result);
  document["rows"] = rows;
  write_text_file(setup.asked.json_path, json_text(document));
}

}  // namespace

void add_scale_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "scale", "The fewest GPUs that hold a large model: all of it, with caches of several sizes, quantised");
  const auto setup = std::make_shared<ScaleSetup>();
  setup->asked.catalogue = "real";
  add_scale_options(*command, *setup);
  command->callback([setup] {
    check_scale_setup(*setup);
    check_writable(setup->asked.json_path);
    check_writable(setup->asked.csv_path);
    report(*setup, scale_all(*setup));
  });
}

}  // namespace prophet
