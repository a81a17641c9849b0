#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "bench/commands/baseline_cases.hpp"
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

struct SweepArguments {
  ReplaySetup setup;
  std::vector<double> fractions;
  std::vector<std::uint32_t> batches{1};
  std::vector<std::string> policies{"lru"};
  std::vector<std::string> predictors{"none"};
  std::vector<std::string> misses{"copy"};
  std::vector<std::string> coverages{""};  ///< an empty one: top-k x batch
  bool baselines = false;
};

/// Before the head of a table without rows is printed.
void require_known(const char* what, const std::string& name, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  throw Error(ErrorCode::usage,
              fmt::format("{} {} is unknown; known are {}", what, name, fmt::join(known, ", ")));
}

bool copies_all(const SweepArguments& arguments) {
  return std::all_of(arguments.misses.begin(), arguments.misses.end(),
                     [](const std::string& miss) { return miss == "copy"; });
}

/// Whether some row meets misses otherwise than by a copy.
bool has_elsewhere(const SweepArguments& arguments) {
  return arguments.baselines || !copies_all(arguments);
}

bool learns(const SweepArguments& arguments) {
  return arguments.baselines ||
         std::any_of(arguments.policies.begin(), arguments.policies.end(), policy_needs_training) ||
         std::any_of(arguments.predictors.begin(), arguments.predictors.end(), predictor_needs_training) ||
         !copies_all(arguments);
}

std::vector<ReplayCase> cases(const SweepArguments& arguments, const Workload& workload) {
  std::vector<ReplayCase> all;
  ReplayCase what;
  what.staging_slabs = arguments.setup.staging_slabs.value_or(workload.top_k);
  what.lookahead_layers = arguments.setup.lookahead_layers;
  what.prefetch = parse_prefetch_rule(arguments.setup.prefetch);
  for (const std::uint32_t batch : arguments.batches) {
    for (const double fraction : arguments.fractions) {
      for (const std::string& policy : arguments.policies) {
        for (const std::string& predictor : arguments.predictors) {
          for (const std::string& coverage : arguments.coverages) {
            for (const std::string& miss : arguments.misses) {
              what.batch = batch;
              what.slabs = slabs_of_fraction(fraction, workload.grid);
              what.policy = policy;
              what.predictor = predictor;
              what.coverage = coverage_or_default(coverage, workload.grid);
              what.miss = parse_miss_mode(miss);
              all.push_back(what);
            }
          }
        }
      }
    }
  }
  return all;
}

/// Prints rows as they finish and keeps them, each case once; baselines come once per batch and slab count,
/// after the rows that they stand beside.
class Table {
 public:
  Table(ReplaySession& session, const SweepArguments& arguments, bool print)
      : session_(session),
        print_(print),
        quiet_(arguments.setup.quiet),
        with_elsewhere_(has_elsewhere(arguments)),
        with_baselines_(arguments.baselines) {
    if (print_) fmt::print("{}", table_header(with_elsewhere_));
  }

  void run(const ReplayCase& what) {
    if (!has(what)) add(session_.run(what), what, false);
  }

  void finish_cell(const ReplayCase& like) {
    if (!has(on_demand_lru_like(like))) add(session_.on_demand_lru(like), like, true);
    if (with_baselines_) {
      for (const ReplayCase& what : baseline_cases(like, session_.routers_ahead() != nullptr)) {
        if (!has(what)) add(session_.run(what), what, true);
      }
      return;
    }
    const ReplayCase on_host = static_with_host_like(like);
    if (with_elsewhere_ && !has(on_host)) add(session_.static_with_host(like), on_host, true);
  }

  void finish_batch(const ReplayCase& like) {
    if (const ReplayRow& resident = session_.all_resident(like.batch); resident.ran)
      add(resident, like, true);
  }

  [[nodiscard]] const std::vector<ReportedRow>& rows() const noexcept { return rows_; }

 private:
  [[nodiscard]] bool has(const ReplayCase& what) const {
    return std::any_of(rows_.begin(), rows_.end(),
                       [&](const ReportedRow& reported) { return reported.row.what.runs_as(what); });
  }

  void add(ReplayRow row, const ReplayCase& like, bool is_baseline) {
    const DeviceInfo& device = session_.device_info();
    rows_.push_back(
        {std::move(row), session_.bound(like), is_baseline, device.simulated, device.times_mean_something});
    clear_progress(quiet_);
    if (!print_) return;
    fmt::print("{}", table_line(rows_.back(), with_elsewhere_));
    std::fflush(stdout);
  }

  ReplaySession& session_;
  bool print_;
  bool quiet_;
  bool with_elsewhere_;
  bool with_baselines_;
  std::vector<ReportedRow> rows_;
};

void run_all(Table& table, const std::vector<ReplayCase>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    table.run(all[i]);
    const bool last = i + 1 == all.size();
    if (last || all[i + 1].slabs != all[i].slabs || all[i + 1].batch != all[i].batch)
      table.finish_cell(all[i]);
    if (last || all[i + 1].batch != all[i].batch) table.finish_batch(all[i]);
  }
}

/// Empty where no row that was asked for has a slab for every expert.
std::string preload_remark(const std::vector<ReportedRow>& rows, const ReplaySession& session) {
  const ExpertGrid& grid = session.workload().grid;
  const auto full = std::find_if(rows.begin(), rows.end(), [&](const ReportedRow& reported) {
    return !reported.is_baseline && reported.row.what.has_slab_for_all(grid);
  });
  return full == rows.end() ? "" : preload_text(*full, grid);
}

/// One warning a batch at most.
void warn_of_smallest(const std::vector<ReplayCase>& all, ReplaySession& session) {
  std::map<std::uint32_t, ReplayCase> smallest;  // by batch
  for (const ReplayCase& what : all) {
    const auto known = smallest.emplace(what.batch, what).first;
    if (what.slabs < known->second.slabs) known->second = what;
  }
  for (const auto& [batch, what] : smallest)
    warn_below_cycle(what, session.workload().top_k, session.requests(batch));
}

void sweep(const SweepArguments& arguments) {
  for (const double fraction : arguments.fractions) (void)slabs_of_fraction(fraction, ExpertGrid{1, 1});
  for (const std::string& policy : arguments.policies) require_known("policy", policy, policy_names());
  for (const std::string& predictor : arguments.predictors)
    require_known("predictor", predictor, predictor_names());
  for (const std::string& miss : arguments.misses) (void)parse_miss_mode(miss);
  check_forecast_on(arguments.setup.forecast_on, arguments.predictors);
  check_adapt(arguments.setup.adapt, arguments.predictors);
  const auto loaded = load_replay(arguments.setup, learns(arguments));
  const std::vector<ReplayCase> all = cases(arguments, loaded->session->workload());
  const bool print = arguments.setup.json_path != "-" && arguments.setup.csv_path != "-";
  warn_of_smallest(all, *loaded->session);
  if (print) fmt::print("{}\n", replay_preamble(arguments.setup, *loaded, all.back()));
  Table table(*loaded->session, arguments, print);
  run_all(table, all);
  if (print && loaded->session->device_info().times_mean_something)
    fmt::print("\n{}", sweep_answer(table.rows(), loaded->session->workload().grid.size()));
  if (print)
    fmt::print("\n{}{}", preload_remark(table.rows(), *loaded->session),
               table_legend(has_elsewhere(arguments)));

  nlohmann::json document = {{"schema_version", report_schema_version},
                             {"provenance", replay_provenance(arguments.setup, *loaded)},
                             {"rows", nlohmann::json::array()}};
  for (const ReportedRow& reported : table.rows()) document["rows"].push_back(row_json(reported));
  if (!arguments.setup.json_path.empty()) write_text_file(arguments.setup.json_path, json_text(document));
  if (!arguments.setup.csv_path.empty()) write_text_file(arguments.setup.csv_path, rows_csv(table.rows()));
}

}  // namespace

void add_sweep_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("sweep", "Replay over lists of slab fractions, batches, policies and predictors");
  const auto arguments = std::make_shared<SweepArguments>();
  add_replay_options(*command, arguments->setup);
  command
      ->add_option("--slab-fraction", arguments->fractions,
                   "Comma-separated shares of all experts, each in (0, 1]")
      ->delimiter(',')
      ->required();
  command->add_option("--batch", arguments->batches, "Comma-separated lane counts")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--policy", arguments->policies, "Comma-separated policies")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--predictor", arguments->predictors, "Comma-separated predictors")
      ->delimiter(',')
      ->capture_default_str();
  command
      ->add_option("--coverage,--prefetch-width", arguments->coverages,
                   "Comma-separated numbers of experts of a layer that a forecast names, or all; default: "
                   "top-k x batch")
      ->delimiter(',');
  command
      ->add_option("--misses", arguments->misses,
                   "Comma-separated ways of a miss: copy, host, in-place, auto")
      ->delimiter(',')
      ->capture_default_str();
  command->add_flag(
      "--baselines", arguments->baselines,
      "Beside every cell what others do and what bounds it: static placement; the same with misses on the "
      "host; LRU with all that history names prefetched, and with --routers all that the next layer's router "
      "names; the one-step oracle; Belady with oracle prefetch");
  command->callback([arguments] { sweep(*arguments); });
}

}  // namespace prophet
