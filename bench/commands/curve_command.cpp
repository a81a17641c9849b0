#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/commands/commands.hpp"
#include "bench/commands/replay_setup.hpp"
#include "bench/report/curve_rows.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "runtime/engine/batch_schedule.hpp"

namespace prophet {
namespace {

struct CurveArguments {
  std::string trace{sample_trace};
  std::vector<std::uint32_t> slabs;  ///< empty: eighths of all experts
  ScheduleOptions schedule;
  std::uint32_t skip_flags = sequence_flags::repetitive;
  std::string json_path;
  std::string csv_path;
};

/// The trace's requests, and what was replayed of it.
struct Replayed {
  RoutingTrace trace;
  SequenceSplit split;
  RequestGroups requests;
};

std::vector<std::uint32_t> eighths(const ExpertGrid& grid) {
  std::vector<std::uint32_t> slabs;
  for (std::uint32_t eighth = 1; eighth <= 8; ++eighth) {
    slabs.push_back(std::max(1U, static_cast<std::uint32_t>(std::lround(grid.size() * (eighth / 8.0)))));
  }
  slabs.erase(std::unique(slabs.begin(), slabs.end()), slabs.end());
  return slabs;
}

std::vector<std::uint32_t> check_slabs(const std::vector<std::uint32_t>& asked, const ExpertGrid& grid) {
  for (const std::uint32_t slabs : asked) {
    if (slabs >= 1 && slabs <= grid.size()) continue;
    throw Error(ErrorCode::usage, fmt::format("--slabs {}: expected 1 to {} ({} layers x {} experts)", slabs,
                                              grid.size(), grid.layers, grid.experts));
  }
  return asked.empty() ? eighths(grid) : asked;
}

Replayed collect(const CurveArguments& arguments, RoutingTrace trace) {
  Replayed replayed{std::move(trace), {}, {}};
  replayed.split = split_sequences(replayed.trace, arguments.skip_flags, 0.0, 0);
  const BatchSchedule schedule(replayed.trace, replayed.split.test, arguments.schedule);
  replayed.requests = collect_requests(replayed.trace, schedule);
  return replayed;
}

std::uint64_t count_steps(const RequestGroups& requests) {
  return requests.groups() / requests.grid.layers;
}

std::string preamble(const CurveArguments& arguments, const Replayed& replayed) {
  const TraceProvenance& origin = replayed.trace.provenance();
  const ExpertGrid& grid = replayed.requests.grid;
  std::string text = fmt::format("trace   {}: {}{}\n", arguments.trace,
                                 origin.model.empty() ? "unknown model" : origin.model,
                                 origin.synthetic ? ", SYNTHETIC" : "");
  if (!origin.source.empty()) text += fmt::format("        {} ({})\n", origin.source, origin.licence);
  text += fmt::format("        {} sequences: {} replayed, {} skipped by flags {}\n",
                      replayed.trace.sequences().size(), replayed.split.test.size(), replayed.split.skipped,
                      arguments.skip_flags);
  text += fmt::format("        {} MoE layers x {} experts; one token passes {} of {} (top-{})\n", grid.layers,
                      grid.experts, grid.layers * replayed.trace.shape().top_k, grid.size(),
                      replayed.trace.shape().top_k);
  text += fmt::format("run     {} requests in {} steps, batch {}\n\n", replayed.requests.requests(),
                      count_steps(replayed.requests), arguments.schedule.lanes);
  return text;
}

std::string document(const CurveArguments& arguments, const Replayed& replayed, const CurveReport& report) {
  nlohmann::json provenance = provenance_json();
  add_trace_provenance(provenance, arguments.trace, replayed.trace);
  provenance["sequences_replayed"] = replayed.split.test.size();
  provenance["sequences_skipped"] = replayed.split.skipped;
  provenance["skip_flags"] = arguments.skip_flags;
  provenance["layers"] = report.grid.layers;
  provenance["experts"] = report.grid.experts;
  provenance["top_k"] = replayed.trace.shape().top_k;
  provenance["batch"] = arguments.schedule.lanes;
  provenance["steps"] = count_steps(replayed.requests);
  const nlohmann::json all = {{"schema_version", report_schema_version},
                              {"provenance", std::move(provenance)},
                              {"rows", curve_rows_json(report)}};
  return json_text(all);
}

/// Once, for the smallest asked size. The defaults are only points of a curve and need no warning.
void warn_of_cliff(const CurveArguments& arguments, const Replayed& replayed) {
  if (arguments.slabs.empty()) return;
  ReplayCase smallest;
  smallest.slabs = *std::min_element(arguments.slabs.begin(), arguments.slabs.end());
  smallest.batch = arguments.schedule.lanes;
  warn_below_cycle(smallest, replayed.trace.shape().top_k, replayed.requests);
}

void curve(const CurveArguments& arguments) {
  check_one_stdout(arguments.json_path, arguments.csv_path);
  check_writable(arguments.json_path);
  check_writable(arguments.csv_path);
  RoutingTrace trace = open_trace(arguments.trace);
  const std::vector<std::uint32_t> slabs = check_slabs(arguments.slabs, trace.shape().grid);
  const Replayed replayed = collect(arguments, std::move(trace));
  warn_of_cliff(arguments, replayed);
  const CurveReport report = count_curve(replayed.requests, slabs);

  if (!arguments.json_path.empty()) {
    write_text_file(arguments.json_path, document(arguments, replayed, report));
  }
  if (!arguments.csv_path.empty()) write_text_file(arguments.csv_path, curve_rows_csv(report));
  const bool stdout_is_taken = arguments.json_path == "-" || arguments.csv_path == "-";
  if (!stdout_is_taken) fmt::print("{}{}", preamble(arguments, replayed), curve_table(report));
}

}  // namespace

void add_curve_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "curve", "Hit rates over cache sizes: LRU at every size, Belady and static at the asked ones");
  const auto arguments = std::make_shared<CurveArguments>();
  command
      ->add_option("--trace", arguments->trace,
                   "Routing trace: .ptrace, .mrt, .mrt.xz, .npy, .npz, .csv, .jsonl; sample and sample-train "
                   "are of the bundled sample model")
      ->capture_default_str();
  command
      ->add_option("--slabs", arguments->slabs,
                   "Cache slabs to show, separated by commas; default: eighths of all experts")
      ->delimiter(',');
  command->add_option("--batch", arguments->schedule.lanes, "Lanes decoded in lock-step")
      ->capture_default_str();
  command->add_option("--steps", arguments->schedule.steps, "Decode steps at most; 0: the whole trace")
      ->capture_default_str();
  command
      ->add_option("--skip-flags", arguments->skip_flags,
                   "Leave out sequences with any of these flags: 1 finished, 2 repetitive, 4 batched step, 8 "
                   "duplicate")
      ->capture_default_str();
  command->add_option("--json", arguments->json_path,
                      "Write every row, LRU at every size among them, as JSON (- is stdout)");
  command->add_option("--csv", arguments->csv_path, "Write the same rows as CSV (- is stdout)");
  command->callback([arguments] { curve(*arguments); });
}

}  // namespace prophet
