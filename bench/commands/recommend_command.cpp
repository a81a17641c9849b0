#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/commands/analyze_setup.hpp"
#include "bench/commands/commands.hpp"
#include "bench/measure/table.hpp"
#include "bench/report/provenance.hpp"
#include "bench/report/recommend_rows.hpp"
#include "prophet/error.hpp"

namespace prophet {
namespace {

using namespace analytic;
using Json = nlohmann::ordered_json;

constexpr double slow_down_most = 1e6;

struct RecommendSetup {
  AnalyzeSetup asked;
  double slow_down_max = 2;
};

void add_recommend_options(CLI::App& command, RecommendSetup& setup) {
  command.add_option("--model", setup.asked.model, "A name, or the path of a config.json")->required();
  command.add_option("--gpu", setup.asked.gpu, "A GPU profile or the path of one")->required();
  command.add_option("--batch", setup.asked.batch, "Sequences, each with one token a step; 1 by default");
  command.add_option("--context", setup.asked.context_tokens, "Tokens of each sequence")
      ->capture_default_str();
  add_hit_rate_options(command, setup.asked);
  command
      .add_option("--slow-down", setup.slow_down_max,
                  "How many times as long a step may take before quantising is preferred to caching")
      ->capture_default_str();
  command.add_option("--json", setup.asked.json_path, "Write every way as JSON; - is stdout");
  command.add_option("--csv", setup.asked.csv_path, "Write every way as CSV; - is stdout");
}

void check_slow_down(double slow_down_max) {
  if (slow_down_max >= 1 && slow_down_max <= slow_down_most) return;
  throw Error(ErrorCode::usage,
              fmt::format("--slow-down {}: expected 1 to {}", slow_down_max, slow_down_most));
}

void run(const RecommendSetup& setup) {
  const AnalyzeSelection selection = analyze_selection(setup.asked);
  const AnalyticModel& model = selection.models.front()->model;
  const AnalyticGpu& gpu = selection.gpus.front();
  const RecommendQuestion question{selection.batches.front(), selection.options, setup.slow_down_max};
  const Recommendation result = recommend(model, gpu, question);
  if (setup.asked.json_path != "-" && setup.asked.csv_path != "-")
    fmt::print("command {}\n\n{}", command_line_text(), recommend_table(model, gpu, question, result));
  const Json rows = recommend_rows(result);
  if (!setup.asked.csv_path.empty()) write_text_file(setup.asked.csv_path, measure::csv_text(rows));
  if (setup.asked.json_path.empty()) return;
  Json document = {{"schema_version", report_schema_version}};
  Json provenance(provenance_json());
  provenance["model"] = model.name;
  provenance["model_source"] = model.source;
  provenance["gpu"] = gpu.profile.name;
  provenance["batch"] = question.batch;
  provenance["context_tokens"] = question.options.context_tokens;
  provenance["zipf"] = question.options.zipf;
  if (question.options.hit_rate) provenance["hit_rate"] = *question.options.hit_rate;
  if (!setup.asked.curve_path.empty()) provenance["curve"] = setup.asked.curve_path;
  provenance["slow_down_max"] = question.slow_down_max;
  provenance["measured"] = false;
  document["provenance"] = provenance;
  document["recommended"] = result.chosen ? Json(way_name(*result.chosen)) : Json("none");
  document["reason"] = recommend_reason(gpu, question, result);
  document["rows"] = rows;
  write_text_file(setup.asked.json_path, json_text(document));
}

}  // namespace

void add_recommend_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "recommend", "How to keep a model on a GPU: all of it, a cache, quantised, offloaded, several GPUs");
  const auto setup = std::make_shared<RecommendSetup>();
  setup->asked.catalogue = "real";
  add_recommend_options(*command, *setup);
  command->callback([setup] {
    check_analyze_setup(setup->asked);
    check_slow_down(setup->slow_down_max);
    check_writable(setup->asked.json_path);
    check_writable(setup->asked.csv_path);
    run(*setup);
  });
}

}  // namespace prophet
