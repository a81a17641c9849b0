#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/commands/commands.hpp"
#include "bench/commands/coverage_option.hpp"
#include "bench/commands/device_comparison.hpp"
#include "bench/commands/live_setup.hpp"
#include "bench/commands/replay_setup.hpp"
#include "bench/report/live_report.hpp"
#include "bench/report/provenance.hpp"
#include "bench/report/remarks.hpp"
#include "bench/report/replay_rows.hpp"
#include "predictor/make_predictor.hpp"
#include "prophet/error.hpp"
#include "runtime/cache/make_policy.hpp"

namespace prophet {
namespace {

struct GenerateArguments {
  LiveSetup live;
  ReplayCase what;
  std::vector<std::uint32_t> slabs;
  std::vector<double> slab_fractions;
  std::optional<std::uint32_t> staging_slabs;
  std::string json_path;
  std::string csv_path;
  std::string timeline_path;
  std::string compare_device;
  std::string miss = "copy";
  std::string coverage;  ///< empty: top-k x batch
};

/// Writes tokens as they come where there is one sequence, and several one behind the other at the end.
class TokenPrinter {
 public:
  TokenPrinter(const LoadedLive& loaded, bool silent)
      : loaded_(loaded), silent_(silent), buffered_(loaded.requests.size()) {}

  void print(const NewToken& token) {
    if (silent_) return;
    const std::string piece =
        loaded_.is_text ? std::string(1, static_cast<char>(token.id)) : fmt::format("{} ", token.id);
    if (buffered_.size() > 1) {
      buffered_[token.request] += piece;
      return;
    }
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  }
  void finish() const {
    if (silent_) return;
    for (std::size_t r = 0; r < buffered_.size() && buffered_.size() > 1; ++r) {
      fmt::print("[{}] ", r);
      std::fwrite(buffered_[r].data(), 1, buffered_[r].size(), stdout);
      fmt::print("\n");
    }
    if (buffered_.size() == 1) fmt::print("\n");
    std::fflush(stdout);
  }

 private:
  const LoadedLive& loaded_;
  bool silent_;
  std::vector<std::string> buffered_;  ///< [requests], of several
};

/// One case for each size that was asked for, in that order.
std::vector<ReplayCase> cases_of(const GenerateArguments& arguments, const ModelShape& shape) {
  std::vector<std::uint32_t> sizes = arguments.slabs;
  for (const double fraction : arguments.slab_fractions)
    sizes.push_back(slabs_of_fraction(fraction, shape.grid));
  std::vector<ReplayCase> cases;
  for (const std::uint32_t slabs : sizes) {
    ReplayCase what = arguments.what;
    what.miss = parse_miss_mode(arguments.miss);
    what.slabs = slabs;
    what.staging_slabs = arguments.staging_slabs.value_or(shape.top_k);
    what.batch = arguments.live.batch;
    what.coverage = coverage_or_default(arguments.coverage, shape.grid);
    cases.push_back(what);
  }
  return cases;
}

struct Outcome {
  std::vector<ReportedRow> rows;
  LiveRow first;
  bool has_resident = false;
  bool identical = true;  ///< to all-resident, in every row
  std::optional<DeviceComparison> compared;
};

bool same_tokens(const LiveRow& a, const LiveRow& b) {
  return std::equal(a.continuations.begin(), a.continuations.end(), b.continuations.begin(),
                    b.continuations.end(),
                    [](const Continuation& x, const Continuation& y) { return x.tokens == y.tokens; }) &&
         a.row.metrics.outputs_digest == b.row.metrics.outputs_digest;
}

/// --quiet spares the baselines, unless a file wants the rows.
bool wants_rows(const GenerateArguments& arguments) {
  return !arguments.live.quiet || !arguments.json_path.empty() || !arguments.csv_path.empty();
}

std::string timeline_provenance(const GenerateArguments& arguments, const LoadedLive& loaded,
                                const LiveRow& first) {
  nlohmann::json provenance = live_provenance(arguments.live, loaded, first);
  provenance["case"] = case_json(first.row.what);
  return json_text(provenance);
}

Outcome run_cases(GenerateArguments& arguments, LoadedLive& loaded, TokenPrinter& printer) {
  LiveSession& session = *loaded.session;
  const bool has_times = session.device_info().times_mean_something;
  const std::vector<ReplayCase> cases = cases_of(arguments, session.weights().config().shape);
  Outcome outcome;
  std::vector<LiveRow> asked;
  LogitsLog logits(loaded.requests.size());
  const auto on_first = [&](const NewToken& token) {
    printer.print(token);
    if (!arguments.compare_device.empty()) logits.add(token);
  };
  for (const ReplayCase& what : cases) {
    const bool is_first = asked.empty();
    asked.push_back(
        session.run(what, is_first ? ContinuousDecode::OnToken(on_first) : ContinuousDecode::OnToken{}));
    if (!is_first) continue;
    printer.finish();
    if (!arguments.timeline_path.empty())
      session.write_timeline(arguments.timeline_path, timeline_provenance(arguments, loaded, asked.front()));
    if (!wants_rows(arguments)) break;
  }
  outcome.first = asked.front();
  if (!arguments.compare_device.empty()) {
    outcome.compared =
        compare_with_device(arguments.live, loaded, arguments.compare_device, outcome.first, logits);
  }
  if (!wants_rows(arguments)) return outcome;
  const LiveRow& resident = session.all_resident();
  outcome.has_resident = resident.row.ran;
  const auto add = [&](const LiveRow& live, const ClairvoyantBound& bound, bool is_baseline) {
    outcome.rows.push_back({live.row, bound, is_baseline, false, has_times});
    outcome.identical &= !outcome.has_resident || same_tokens(live, resident);
  };
  for (std::size_t c = 0; c < cases.size(); ++c) {
    warn_below_cycle(cases[c], session.weights().config().shape.top_k, session.requests_of_experts());
    const ClairvoyantBound bound = session.bound(cases[c]);
    add(asked[c], bound, false);
    if (!cases[c].is_on_demand_lru()) add(session.on_demand_lru(cases[c]), bound, true);
  }
  if (outcome.has_resident) add(resident, session.bound(cases.back()), true);
  return outcome;
}

std::string comparison_text(const DeviceComparison& compared) {
  return fmt::format(
      "beside {}: logits of {} positions differ by at most {:.1e} of the largest one of a position (prompt "
      "{}, "
      "new token {}); {} would choose another token\n",
      compared.device, compared.positions, compared.largest_difference, compared.request, compared.position,
      compared.other_tokens);
}

nlohmann::json comparison_json(const DeviceComparison& compared) {
  return {{"device", compared.device},
          {"positions", compared.positions},
          {"other_tokens", compared.other_tokens},
          {"largest_difference", compared.largest_difference},
          {"request", compared.request},
          {"position", compared.position},
          {"tolerance", device_tolerance},
          {"agrees", compared.agrees()}};
}

std::string remarks(const Outcome& outcome, const ExpertGrid& grid) {
  const ReplayMetrics& m = outcome.rows.front().row.metrics;
  std::string text = preload_text(outcome.rows.front(), grid) +
                     fmt::format("{} new tokens; ", m.decode_tokens + outcome.first.continuations.size()) +
                     passes_text(outcome.rows.front()) + miss_text(outcome.rows.front()) + forecast_text(m);
  if (m.slabs_verified > 0) text += fmt::format("contents of {} leased slabs verified\n", m.slabs_verified);
  if (m.rounds_extra > 0) {
    text += fmt::format("{} rounds more, where a layer wanted more experts than it had slabs for\n",
                        m.rounds_extra);
  }
  text += outcome.has_resident
              ? fmt::format("identical to all-resident: {}\n", outcome.identical ? "yes" : "NO")
              : std::string("all-resident has no row: this device has not the memory for it\n");
  if (outcome.compared) text += comparison_text(*outcome.compared);
  return text;
}

nlohmann::json document_of(const GenerateArguments& arguments, const LoadedLive& loaded,
                           const Outcome& outcome) {
  nlohmann::json document = {{"schema_version", report_schema_version},
                             {"provenance", live_provenance(arguments.live, loaded, outcome.first)},
                             {"rows", nlohmann::json::array()},
                             {"continuations", nlohmann::json::array()},
                             {"identical_to_all_resident", nullptr}};
  if (outcome.has_resident) document["identical_to_all_resident"] = outcome.identical;
  if (outcome.compared) document["compared_with"] = comparison_json(*outcome.compared);
  for (const ReportedRow& reported : outcome.rows) document["rows"].push_back(row_json(reported));
  if (!outcome.rows.empty()) document["layers"] = layers_json(outcome.rows.front());
  for (std::size_t r = 0; r < loaded.requests.size(); ++r) {
    const Continuation& continuation = outcome.first.continuations[r];
    document["continuations"].push_back({{"prompt", loaded.requests[r].prompt},
                                         {"tokens", continuation.tokens},
                                         {"ended", continuation.ended}});
  }
  return document;
}

std::string report_text(const GenerateArguments& arguments, const LoadedLive& loaded,
                        const Outcome& outcome) {
  const bool elsewhere = arguments.miss != "copy";
  std::string text =
      "\n" + live_preamble(arguments.live, loaded, outcome.first) + "\n" + table_header(elsewhere);
  for (const ReportedRow& reported : outcome.rows) text += table_line(reported, elsewhere);
  return text + bound_text(outcome.rows.front()) +
         remarks(outcome, loaded.session->weights().config().shape.grid) + "\n" + table_legend(elsewhere);
}

void generate(GenerateArguments& arguments) {
  arguments.live.record_timeline = !arguments.timeline_path.empty();
  check_one_stdout(arguments.json_path, arguments.csv_path);
  check_writable(arguments.timeline_path);
  check_writable(arguments.json_path);
  check_writable(arguments.csv_path);
  arguments.live.learns = policy_needs_training(arguments.what.policy) ||
                          predictor_needs_training(arguments.what.predictor) ||
                          parse_miss_mode(arguments.miss) != MissMode::copy;
  check_forecast_on(arguments.live.forecast_on, std::span(&arguments.what.predictor, 1));
  const auto loaded = load_live(arguments.live);
  if (!loaded->is_text && !arguments.live.quiet)
    fmt::print(stderr, "prophet: the model's tokens are not bytes: ids are printed instead of text\n");
  TokenPrinter printer(*loaded, arguments.json_path == "-" || arguments.csv_path == "-");
  const Outcome outcome = run_cases(arguments, *loaded, printer);
  if (!arguments.json_path.empty())
    write_text_file(arguments.json_path, json_text(document_of(arguments, *loaded, outcome)));
  if (!arguments.csv_path.empty()) write_text_file(arguments.csv_path, rows_csv(outcome.rows));
  if (!arguments.live.quiet && arguments.json_path != "-" && arguments.csv_path != "-")
    fmt::print("{}", report_text(arguments, *loaded, outcome));
  // On a GPU, what the host computes may differ from the GPU's own in the last bits.
  const bool may_differ = arguments.miss != "copy" && loaded->session->device_info().kind != "cpu";
  if (!outcome.identical && !may_differ) {
    throw Error(ErrorCode::check_failed,
                "tokens or logits differ from all-resident, expected the same bits whatever the cache does");
  }
  if (outcome.compared && !outcome.compared->agrees()) {
    throw Error(
        ErrorCode::check_failed,
        fmt::format("prompt {}, new token {}: a logit differs from {}'s by {:.1e} of the largest one, "
                    "expected at most {:.0e}",
                    outcome.compared->request, outcome.compared->position, outcome.compared->device,
                    outcome.compared->largest_difference, device_tolerance));
  }
}

}  // namespace

void add_generate_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "generate", "Continue prompts with a live model through an expert cache, beside its baselines");
  const auto arguments = std::make_shared<GenerateArguments>();
  add_live_options(*command, arguments->live);
  auto* slabs =
      command->add_option("--slabs", arguments->slabs,
                          "Cache slabs (experts kept on the device); a list runs one after the other");
  auto* fraction = command->add_option("--slab-fraction", arguments->slab_fractions,
                                       "The same as a share of all experts; default: 0.25");
  for (CLI::Option* list : {slabs, fraction}) list->delimiter(',');
  slabs->excludes(fraction);
  command
      ->add_option("--policy", arguments->what.policy,
                   "lru, lfu, slru, arc, least-stale, belady (bound); static, forecast, one-step "
                   "(bound; they learn)")
      ->capture_default_str();
  command
      ->add_option(
          "--predictor", arguments->what.predictor,
          "none, previous-token, gate-ahead, oracle (bound); static, transition, history, mlp (they learn)")
      ->capture_default_str();
  command->add_option("--train-trace", arguments->live.train_trace,
                      "Routing trace of this model that policies and predictors learn from; default: "
                      "sample-train for a model "
                      "of the sample's layers, experts and top-k");
  command->add_option("--predictor-file", arguments->live.predictor_file,
                      "What predictor mlp and policy forecast have learned, by prophet train-predictor from "
                      "routing of this model; whether it was trained on the prompts is not known");
  command->add_option(
      "--staging-slabs", arguments->staging_slabs,
      "Slabs on top of the cache for experts that pass through and for prefetches; default: top-k");
  command->add_option("--lookahead", arguments->what.lookahead_layers, "Layers ahead that are forecast")
      ->capture_default_str();
  command->add_option_function<std::string>(
      "--prefetch",
      [arguments](const std::string& rule) { arguments->what.prefetch = parse_prefetch_rule(rule); },
      "paying: copy what a gain is expected of; named: every expert that a forecast names, as other systems "
      "do it; default: paying");
  add_coverage_option(*command, arguments->coverage);
  command->add_option("--forecast-on", arguments->live.forecast_on,
                      "Where predictor mlp's nets run, with the same forecasts: host, device, or auto, the "
                      "default: on the host, but for a cuda device");
  command
      ->add_option("--miss", arguments->miss,
                   "copy; host, in-place (the hottest experts of the training trace are then resident); auto")
      ->capture_default_str();
  command->add_option("--host-cores", arguments->live.host_cores,
                      "Threads that compute experts with --miss host or auto; 0: one a core of this host");
  command->add_option("--compare-device", arguments->compare_device,
                      "Compare the first row's logits with those of this device, such as cpu beside --device "
                      "cuda; a difference beyond 1e-3 fails");
  command->add_option("--json", arguments->json_path,
                      "Write the result as JSON (- is stdout, without the text)");
  command->add_option("--csv", arguments->csv_path, "Write the rows as CSV (- is stdout, without the text)");
  command->add_option("--timeline", arguments->timeline_path,
                      "Write a Chrome/Perfetto trace of the first row");
  command->callback([arguments] {
    if (arguments->slabs.empty() && arguments->slab_fractions.empty()) arguments->slab_fractions = {0.25};
    generate(*arguments);
  });
}

}  // namespace prophet
