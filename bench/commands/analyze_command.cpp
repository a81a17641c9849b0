#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/commands/analyze_setup.hpp"
#include "bench/commands/commands.hpp"
#include "bench/measure/table.hpp"
#include "bench/report/analyze_rows.hpp"
#include "bench/report/provenance.hpp"
#include "bench/report/sensitivity_rows.hpp"
#include "runtime/base/version.hpp"

namespace prophet {
namespace {

using Json = nlohmann::ordered_json;

std::string run_line() {
  const Version version = program_version();
  return fmt::format("command {}\nrun     arithmetic, nothing was measured; prophet {} ({}{})\n\n",
                     command_line_text(), version.version, version.git_commit,
                     version.git_dirty ? ", modified" : "");
}

Json provenance_of(const AnalyzeSetup& setup, const AnalyzeSelection& selection) {
  Json provenance(provenance_json());
  provenance["catalogue"] = analytic::catalogue_name(selection.catalogue);
  provenance["measured"] = false;
  provenance["context_tokens"] = selection.options.context_tokens;
  provenance["zipf"] = selection.options.zipf;
  if (selection.options.division.gpus != 1) {
    provenance["gpus"] = selection.options.division.gpus;
    provenance["parallel"] = analytic::parallel_name(selection.options.division.parallel);
  }
  if (selection.options.hit_rate) provenance["hit_rate"] = *selection.options.hit_rate;
  if (!setup.curve_path.empty()) provenance["curve"] = setup.curve_path;
  Json sources = Json::object();
  for (const auto& model : selection.models) sources[model->model.name] = model->model.source;
  provenance["model_sources"] = sources;
  return provenance;
}

void write_documents(const AnalyzeSetup& setup, const AnalyzeSelection& selection, const Json& summary,
                     const Json& rows) {
  if (!setup.json_path.empty()) {
    Json document = {{"schema_version", report_schema_version}};
    document["provenance"] = provenance_of(setup, selection);
    if (!summary.is_null()) document["summary"] = summary;
    document["rows"] = rows;
    write_text_file(setup.json_path, json_text(document));
  }
  if (!setup.csv_path.empty()) write_text_file(setup.csv_path, measure::csv_text(rows));
}

bool prints_table(const AnalyzeSetup& setup) {
  return setup.json_path != "-" && setup.csv_path != "-";
}

void report_cells(const AnalyzeSetup& setup, const AnalyzeSelection& selection) {
  const auto cells =
      analytic::analytic_grid(selection.models, selection.gpus, selection.batches, selection.options);
  if (prints_table(setup)) {
    fmt::print("{}{}", run_line(),
               setup.grid ? analyze_grid_table(cells, selection.batches, selection.catalogue)
                          : analyze_table(cells.front(), selection.catalogue));
  }
  Json rows = Json::array();
  for (const analytic::AnalyticCell& cell : cells) rows.push_back(analyze_row(cell, selection.catalogue));
  write_documents(setup, selection, analyze_summary(cells), rows);
}

void report_sensitivity(const AnalyzeSetup& setup, const AnalyzeSelection& selection) {
  std::vector<ModelSensitivity> models;
  for (const auto& model : selection.models) {
    models.push_back(
        {model->model.name, analytic::sensitivity(model->model, selection.gpus.front(),
                                                  selection.batches.front(), selection.options)});
  }
  if (prints_table(setup)) {
    fmt::print("{}Prophet on {}, batch {}, {} tokens each, {} catalogue; one input moved at a time\n\n{}",
               run_line(), selection.gpus.front().profile.name, selection.batches.front(),
               selection.options.context_tokens, analytic::catalogue_name(selection.catalogue),
               sensitivity_table(models));
  }
  write_documents(setup, selection, nullptr, sensitivity_rows(models));
}

}  // namespace

void add_analyze_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "analyze", "Memory, experts and step time of a model on a GPU by arithmetic, nothing measured");
  const auto setup = std::make_shared<AnalyzeSetup>();
  add_analyze_options(*command, *setup);
  command->callback([setup] {
    check_analyze_setup(*setup);
    check_writable(setup->json_path);
    check_writable(setup->csv_path);
    const AnalyzeSelection selection = analyze_selection(*setup);
    setup->sensitivity ? report_sensitivity(*setup, selection) : report_cells(*setup, selection);
  });
}

}  // namespace prophet
