#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "bench/commands/commands.hpp"
#include "bench/commands/coverage_option.hpp"
#include "bench/commands/replay_provenance.hpp"
#include "bench/commands/replay_setup.hpp"
#include "bench/report/provenance.hpp"
#include "bench/report/remarks.hpp"
#include "bench/report/replay_rows.hpp"
#include "bench/report/sweep_answer.hpp"
#include "predictor/make_predictor.hpp"
#include "prophet/error.hpp"
#include "runtime/cache/make_policy.hpp"

namespace prophet {
namespace {

struct ReplayArguments {
  ReplaySetup setup;
  ReplayCase what;
  std::optional<double> slab_fraction;
  std::string timeline_path;
  std::string miss = "copy";
  std::string coverage;  ///< empty: top-k x batch
};

/// Slabs and staging slabs, once the model is known.
void settle_slabs(ReplayArguments& arguments, const Workload& workload) {
  if (arguments.slab_fraction)
    arguments.what.slabs = slabs_of_fraction(*arguments.slab_fraction, workload.grid);
  arguments.what.staging_slabs = arguments.setup.staging_slabs.value_or(workload.top_k);
  arguments.what.lookahead_layers = arguments.setup.lookahead_layers;
  arguments.what.coverage = coverage_or_default(arguments.coverage, workload.grid);
  arguments.what.prefetch = parse_prefetch_rule(arguments.setup.prefetch);
}

std::string timeline_provenance(const ReplayArguments& arguments, LoadedReplay& loaded) {
  nlohmann::json provenance = replay_provenance(arguments.setup, loaded);
  provenance["case"] = case_json(arguments.what);
  return json_text(provenance);
}

std::vector<ReportedRow> run_rows(const ReplayArguments& arguments, LoadedReplay& loaded) {
  ReplaySession& session = *loaded.session;
  const ReplayCase& what = arguments.what;
  const bool simulated = session.device_info().simulated;
  const bool has_times = session.device_info().times_mean_something;
  std::vector<ReportedRow> rows;
  ReplayRow asked = session.run(what);
  if (!arguments.timeline_path.empty())
    session.write_timeline(arguments.timeline_path, timeline_provenance(arguments, loaded));
  const ClairvoyantBound bound = session.bound(what);
  rows.push_back({std::move(asked), bound, false, simulated, has_times});
  if (!what.is_on_demand_lru())
    rows.push_back({session.on_demand_lru(what), bound, true, simulated, has_times});
  if (what.miss != MissMode::copy && !what.runs_as(static_with_host_like(what)))
    rows.push_back({session.static_with_host(what), bound, true, simulated, has_times});
  const ReplayRow& resident = session.all_resident(what.batch);
  if (resident.ran) rows.push_back({resident, bound, true, simulated, has_times});
  return rows;
}

/// How many decode steps the device ran by itself. Rows that differ in it do not compare like with like.
std::string graph_text(const std::vector<ReportedRow>& rows) {
  const auto captured = [](const ReplayMetrics& m) { return m.captured_steps + m.captured_steps_left; };
  const ReplayMetrics& m = rows.front().row.metrics;
  if (captured(m) != 0) {
    return fmt::format("{} of {} decode steps ran as one captured graph, {} left it at a miss\n",
                       m.captured_steps, m.steps, m.captured_steps_left);
  }
  const bool baselines_do = std::any_of(rows.begin(), rows.end(), [&](const ReportedRow& reported) {
    return captured(reported.row.metrics) != 0;
  });
  if (!baselines_do) return "";
  return "decode steps of the baselines ran as captured graphs, those of the first row, which prefetches, "
         "did "
         "not: --graph off runs all without\n";
}

std::string remarks(const std::vector<ReportedRow>& rows, const ReplaySession& session) {
  const ReplayMetrics& m = rows.front().row.metrics;
  std::string text = preload_text(rows.front(), session.workload().grid) + passes_text(rows.front()) +
                     graph_text(rows) + miss_text(rows.front()) + forecast_text(m);
  if (rows.front().has_times && rows.front().row.total_ns_max > rows.front().row.total_ns_min) {
    text += fmt::format("repetitions of the first row took {:.2f} to {:.2f} times its median\n",
                        static_cast<double>(rows.front().row.total_ns_min) / static_cast<double>(m.total_ns),
                        static_cast<double>(rows.front().row.total_ns_max) / static_cast<double>(m.total_ns));
  }
  if (rows.front().has_times) text += cost_of_a_miss(rows.front());
  if (m.slabs_verified > 0) {
    text += fmt::format("{} of {} leased slabs verified\n",
                        session.device_info().has_bytes ? "contents" : "origins of the contents",
                        m.slabs_verified);
  }
  const bool has_resident = rows.back().row.what.policy == "all-resident";
  if (!has_resident) {
    text += std::string(
        "all-resident has no row: this device has not the memory for it; the bound is of the copies alone\n");
  } else if (session.device_info().has_bytes) {
    const bool same = m.outputs_digest == rows.back().row.metrics.outputs_digest;
    text += fmt::format("outputs identical to all-resident: {}\n", same ? "yes" : "NO");
  }
  if (!rows.back().row.fits) {
    text += fmt::format(
        "all-resident does not fit this device ({:.2f} GB of {:.2f} GB); its row shows what it would take\n",
        static_cast<double>(rows.back().row.device_bytes) / 1e9,
        static_cast<double>(session.device_info().memory_bytes) / 1e9);
  }
  if (m.rounds_extra > 0) {
    text += fmt::format("{} rounds more, where a layer wanted more experts than it had slabs for\n",
                        m.rounds_extra);
  }
  return text;
}

void check_outputs(const std::vector<ReportedRow>& rows, const ReplaySession& session) {
  if (!session.device_info().has_bytes) return;
  // On a GPU, what the host computes may differ from the GPU's own in the last bits.
  if (rows.front().row.what.miss != MissMode::copy && session.device_info().kind != "cpu") return;
  for (const ReportedRow& reported : rows) {
    if (reported.row.metrics.outputs_digest == rows.back().row.metrics.outputs_digest) continue;
    throw Error(ErrorCode::check_failed,
                fmt::format("outputs of {} differ from {}: {:016x}, expected {:016x}",
                            reported.row.what.policy, rows.back().row.what.policy,
                            reported.row.metrics.outputs_digest, rows.back().row.metrics.outputs_digest));
  }
}

void replay(ReplayArguments& arguments) {
  arguments.what.miss = parse_miss_mode(arguments.miss);
  check_forecast_on(arguments.setup.forecast_on, std::span(&arguments.what.predictor, 1));
  check_adapt(arguments.setup.adapt, std::span(&arguments.what.predictor, 1));
  check_routers(arguments.setup.routers, arguments.what.predictor);
  const bool learns = policy_needs_training(arguments.what.policy) ||
                      predictor_needs_training(arguments.what.predictor) ||
                      arguments.what.miss != MissMode::copy;
  arguments.setup.record_timeline = !arguments.timeline_path.empty();
  check_writable(arguments.timeline_path);
  const auto loaded = load_replay(arguments.setup, learns);
  ReplaySession& session = *loaded->session;
  settle_slabs(arguments, session.workload());
  warn_below_cycle(arguments.what, session.workload().top_k, session.requests(arguments.what.batch));
  const std::vector<ReportedRow> rows = run_rows(arguments, *loaded);
  clear_progress(arguments.setup.quiet);

  const bool elsewhere = arguments.what.miss != MissMode::copy;
  std::string text =
      replay_preamble(arguments.setup, *loaded, arguments.what) + "\n" + table_header(elsewhere);
  for (const ReportedRow& reported : rows) text += table_line(reported, elsewhere);
  text += bound_text(rows.front()) + remarks(rows, session) + "\n" + table_legend(elsewhere);
  if (arguments.setup.json_path != "-" && arguments.setup.csv_path != "-") fmt::print("{}", text);

  nlohmann::json document = {{"schema_version", report_schema_version},
                             {"provenance", replay_provenance(arguments.setup, *loaded)},
                             {"rows", nlohmann::json::array()}};
  for (const ReportedRow& reported : rows) document["rows"].push_back(row_json(reported));
  document["layers"] = layers_json(rows.front());
  if (!arguments.setup.json_path.empty()) write_text_file(arguments.setup.json_path, json_text(document));
  if (!arguments.setup.csv_path.empty()) write_text_file(arguments.setup.csv_path, rows_csv(rows));
  check_outputs(rows, session);
}

}  // namespace

void add_replay_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("replay", "Replay a routing trace through an expert cache, beside its baselines");
  const auto arguments = std::make_shared<ReplayArguments>();
  add_replay_options(*command, arguments->setup);
  auto* slabs =
      command->add_option("--slabs", arguments->what.slabs, "Cache slabs (experts kept on the device)");
  auto* fraction =
      command->add_option("--slab-fraction", arguments->slab_fraction, "The same as a share of all experts");
  slabs->excludes(fraction);
  command->add_option("--batch", arguments->what.batch, "Lanes decoded in lock-step")->capture_default_str();
  command
      ->add_option("--policy", arguments->what.policy,
                   "lru, lfu, slru, arc, least-stale, static, forecast, one-step "
                   "and belady (bounds)")
      ->capture_default_str();
  command
      ->add_option(
          "--predictor", arguments->what.predictor,
          "none, static, previous-token, transition, history, gate-ahead (needs --routers), mlp, oracle "
          "(bound)")
      ->capture_default_str();
  add_coverage_option(*command, arguments->coverage);
  command
      ->add_option("--miss", arguments->miss,
                   "copy, host (its cores compute what is missing), in-place (read over the link), auto")
      ->capture_default_str();
  command->add_option("--timeline", arguments->timeline_path,
                      "Write a Chrome/Perfetto trace of the asked row");
  command->callback([arguments, slabs] {
    if (slabs->empty() && !arguments->slab_fraction) {
      throw Error(ErrorCode::usage,
                  "replay: neither --slabs nor --slab-fraction is given: expected one of them");
    }
    replay(*arguments);
  });
}

}  // namespace prophet
