#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "bench/commands/commands.hpp"
#include "bench/commands/serve_scenario.hpp"
#include "bench/commands/serve_setup.hpp"
#include "bench/report/provenance.hpp"
#include "bench/report/serve_rows.hpp"

namespace prophet {
namespace {

/// Runs the rows one after another and prints each when it is there.
class Table {
 public:
  Table(LoadedServe& loaded, const ServeSetup& setup)
      : session_(*loaded.session), setup_(setup), print_(setup.json_path != "-" && setup.csv_path != "-") {
    if (print_) fmt::print("{}\n{}", serve_preamble(setup, loaded), serve_table_header());
  }

  void run() {
    for (const double share : setup_.kv_shares) add("fixed", session_.fixed(share));
    add("all-resident", session_.all_resident());
    add("adaptive", session_.adaptive());
    keep(best_per_window(rows_, setup_.oracle_windows, limits()));
    if (print_) fmt::print("\n{}\n{}", serve_answer(rows_), serve_table_legend());
  }

  [[nodiscard]] const std::vector<ServeRow>& rows() const noexcept { return rows_; }

 private:
  [[nodiscard]] const ServeLimits& limits() const noexcept { return session_.setting().options.limits; }

  void add(const char* boundary, std::optional<ServeResult> result) {
    ServeRow row;
    row.boundary = boundary;
    row.ran = result.has_value();
    if (result) {
      row.summary = summarise(*result, limits());
      row.kv_share = static_cast<double>(result->kv_slabs_mean) / session_.memory().slabs;
      row.result = std::move(*result);
    }
    keep(std::move(row));
  }

  void keep(ServeRow row) {
    rows_.push_back(std::move(row));
    if (!print_) return;
    fmt::print("{}", serve_table_line(rows_.back()));
    std::fflush(stdout);
  }

  ServeSession& session_;
  const ServeSetup& setup_;
  bool print_;
  std::vector<ServeRow> rows_;
};

void add_boundary(nlohmann::json& row, const ServeResult& result) {
  nlohmann::json& points = row["boundary_over_time"] = nlohmann::json::array();
  for (const BoundaryPoint& point : result.boundary)
    points.push_back({{"step", point.step}, {"time_ns", point.time_ns}, {"kv_slabs", point.kv_slabs}});
}

void serve_replay(const ServeSetup& setup) {
  const std::unique_ptr<LoadedServe> loaded = load_serve(setup);
  Table table(*loaded, setup);
  table.run();
  nlohmann::json document = {{"schema_version", report_schema_version},
                             {"provenance", serve_provenance(setup, *loaded)},
                             {"rows", nlohmann::json::array()}};
  for (const ServeRow& row : table.rows()) {
    document["rows"].push_back(serve_row_json(row));
    if (row.ran) add_boundary(document["rows"].back(), row.result);
  }
  if (!setup.json_path.empty()) write_text_file(setup.json_path, json_text(document));
  if (!setup.csv_path.empty()) write_text_file(setup.csv_path, serve_rows_csv(table.rows()));
}

}  // namespace

void add_serve_replay_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "serve-replay",
      "Serve recorded requests with continuous batching, experts and KV cache sharing one memory");
  const auto setup = std::make_shared<ServeSetup>();
  add_serve_options(*command, *setup);
  command->callback([setup, command] {
    apply_scenario(*command, *setup);
    serve_replay(*setup);
  });
}

}  // namespace prophet
