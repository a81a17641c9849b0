#include "bench/commands/analyze_setup.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "bench/analytic/study/configurations.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/json_text.hpp"

namespace prophet {
namespace {

using namespace analytic;

constexpr const char* default_gpu = "a100-80gb";
constexpr double zipf_max = 10;

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::usage, sentence);
}

/// The grid's own, or the one asked for, which must be among them.
std::vector<std::uint32_t> grid_batches(const AnalyzeSetup& setup) {
  std::vector<std::uint32_t> batches(study_batches.begin(), study_batches.end());
  if (!setup.batch) return batches;
  if (std::find(batches.begin(), batches.end(), *setup.batch) == batches.end()) {
    refuse(fmt::format("--grid --batch {}: leaves no cell of the grid, expected one of {}", *setup.batch,
                       fmt::join(batches, ", ")));
  }
  return {*setup.batch};
}

template <std::size_t n>
std::vector<std::string> grid_names(const char* option, const std::array<const char*, n>& names,
                                    const std::string& asked) {
  std::vector<std::string> kept(names.begin(), names.end());
  if (asked.empty()) return kept;
  if (std::find(kept.begin(), kept.end(), asked) == kept.end()) {
    refuse(fmt::format("--grid {} {}: leaves no cell of the grid, expected one of {}", option, asked,
                       fmt::join(kept, ", ")));
  }
  return {asked};
}

AnalyzeSelection one(const AnalyzeSetup& setup, Catalogue catalogue) {
  AnalyzeSelection selection;
  if (setup.model.empty()) {
    for (const char* const name : study_models) selection.models.push_back(catalogue_model(catalogue, name));
  } else {
    selection.models = {catalogue_model(catalogue, setup.model)};
  }
  selection.gpus = {catalogue_gpu(catalogue, setup.gpu.empty() ? default_gpu : setup.gpu)};
  selection.batches = {setup.batch.value_or(1)};
  return selection;
}

/// Names are looked up first, so that a mistyped one is answered with near ones and not with an empty grid.
AnalyzeSelection of_grid(const AnalyzeSetup& setup, Catalogue catalogue) {
  std::string model = setup.model;
  std::string gpu = setup.gpu;
  if (!model.empty()) model = catalogue_model(catalogue, model)->model.name;
  if (!gpu.empty()) gpu = catalogue_gpu(catalogue, gpu).profile.name;
  AnalyzeSelection selection;
  for (const std::string& name : grid_names("--model", study_models, model))
    selection.models.push_back(catalogue_model(catalogue, name));
  for (const std::string& name : grid_names("--gpu", study_gpus, gpu))
    selection.gpus.push_back(catalogue_gpu(catalogue, name));
  selection.batches = grid_batches(setup);
  return selection;
}

void check_gpus(const AnalyzeSetup& setup) {
  if (!setup.parallel.empty()) {
    static_cast<void>(parse_parallel(setup.parallel));
    if (!setup.gpus) refuse(fmt::format("--parallel {}: expected --gpus beside it", setup.parallel));
  }
  const std::uint32_t gpus = setup.gpus.value_or(1);
  if (gpus == 0 || gpus > gpus_max) refuse(fmt::format("--gpus {}: expected 1 to {}", gpus, gpus_max));
  if (gpus == 1) return;
  if (setup.parallel.empty())
    refuse(fmt::format("--gpus {}: expected --parallel tensor or --parallel expert beside it", gpus));
  if (setup.sensitivity)
    refuse(fmt::format("--gpus {} --sensitivity: expected --gpus 1, the sensitivity is of one GPU", gpus));
}

}  // namespace

void add_hit_rate_options(CLI::App& command, AnalyzeSetup& setup) {
  command
      .add_option("--zipf", setup.zipf,
                  "How unequal experts are: the exponent of Zipf's law, 0 for all alike")
      ->capture_default_str();
  command.add_option("--hit-rate", setup.hit_rate,
                     "Of the caches, 0 to 1; by default what the popularity gives");
  command.add_option(
      "--curve", setup.curve_path,
      "What `prophet curve --csv` wrote: hit rates of a trace, by the share of experts that stay");
}

void add_analyze_options(CLI::App& command, AnalyzeSetup& setup) {
  command
      .add_option("--catalogue", setup.catalogue,
                  "study: models as the published study has them; real: as the architectures are")
      ->required();
  command.add_option("--model", setup.model, "A name; of the real catalogue also a config.json");
  command.add_option("--gpu", setup.gpu,
                     "A GPU profile, a100-80gb by default; of the real catalogue also the path of one");
  command.add_option("--batch", setup.batch, "Sequences, each with one token a step; 1 by default");
  command.add_option("--context", setup.context_tokens, "Tokens of each sequence")->capture_default_str();
  add_hit_rate_options(command, setup);
  command.add_option("--gpus", setup.gpus,
                     fmt::format("GPUs that the model is divided over, 1 to {}; 1 by default", gpus_max));
  command.add_option("--parallel", setup.parallel,
                     "How: tensor (each matrix divided) or expert (experts and sequences divided)");
  command.add_flag("--grid", setup.grid,
                   "The study's 16 models x 4 GPUs x 6 batches, or those that the other options name");
  command.add_flag("--sensitivity", setup.sensitivity,
                   "Moves hit rate, dedup exponent, activations and link bandwidth, one at a time, for one "
                   "model or all of the grid");
  command.add_option("--json", setup.json_path, "Write every metric as JSON; - is stdout");
  command.add_option("--csv", setup.csv_path, "Write every metric as CSV; - is stdout");
}

void check_analyze_setup(const AnalyzeSetup& setup) {
  check_one_stdout(setup.json_path, setup.csv_path);
  static_cast<void>(parse_catalogue(setup.catalogue));
  if (setup.batch && (*setup.batch == 0 || *setup.batch > batch_max))
    refuse(fmt::format("--batch {}: expected 1 to {}", *setup.batch, batch_max));
  if (setup.context_tokens > limits::context_tokens_max) {
    refuse(fmt::format("--context {}: expected 0 to {}", setup.context_tokens, limits::context_tokens_max));
  }
  if (!(setup.zipf >= 0 && setup.zipf <= zipf_max))
    refuse(fmt::format("--zipf {}: expected 0 to {}", setup.zipf, zipf_max));
  if (setup.hit_rate && !(*setup.hit_rate >= 0 && *setup.hit_rate <= 1))
    refuse(fmt::format("--hit-rate {}: expected 0 to 1", *setup.hit_rate));
  if (setup.hit_rate && !setup.curve_path.empty())
    refuse("--hit-rate and --curve are both given: expected one of them");
  check_gpus(setup);
  if (setup.grid && setup.sensitivity)
    refuse("analyze: --grid and --sensitivity are both given: expected one of them");
  if (!setup.grid && !setup.sensitivity && setup.model.empty())
    refuse("analyze: neither --model nor --grid is given: expected one of them, or --sensitivity");
}

AnalyzeSelection analyze_selection(const AnalyzeSetup& setup) {
  const Catalogue catalogue = parse_catalogue(setup.catalogue);
  AnalyzeSelection selection = setup.grid ? of_grid(setup, catalogue) : one(setup, catalogue);
  selection.catalogue = catalogue;
  selection.options.context_tokens = setup.context_tokens;
  selection.options.zipf = setup.zipf;
  selection.options.hit_rate = setup.hit_rate;
  if (setup.gpus.value_or(1) != 1) {
    selection.options.division = {*setup.gpus, parse_parallel(setup.parallel)};
    for (const auto& model : selection.models) check_division(*model, selection.options.division);
  }
  if (!setup.curve_path.empty()) {
    selection.options.curve = std::make_shared<const HitRateCurve>(parse_hit_rate_curve(
        read_text_file(setup.curve_path, limits::config_json_bytes_max), setup.curve_path));
  }
  return selection;
}

}  // namespace prophet
