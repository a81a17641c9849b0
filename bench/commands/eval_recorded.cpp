#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "bench/commands/eval_sources.hpp"
#include "bench/commands/predictor_file_option.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "runtime/engine/replay_session.hpp"

namespace prophet {
namespace {

/// Steps of the all-resident replay that says how long a layer takes.
constexpr std::uint64_t lead_steps = 64;

void check_device(const std::string& device) {
  if (device.empty() || device.rfind("sim:", 0) == 0) return;
  throw Error(ErrorCode::usage,
              fmt::format("--device {}: a trace's lead times are counted in a profile's layers: expected "
                          "sim:PROFILE (see prophet profiles)",
                          device));
}

/// What is scored, without what has been learned from it.
struct Source : TraceToReplay {
  TrainedPredictor trained;
  std::size_t learnt_sequences = 0;  ///< left out
  LoadedRouters routers;
};

std::uint32_t ahead_max(const EvalSetup& setup) {
  return setup.ahead.empty() ? 1 : *std::max_element(setup.ahead.begin(), setup.ahead.end());
}

Source load(const EvalArguments& arguments) {
  TraceSetup setup = arguments.source;
  setup.needs_sizes = !arguments.device.empty();
  Source source{load_trace_to_replay(setup, learns(arguments.setup), arguments.setup.seed), {}, 0, {}};
  const TraceShape& shape = source.trace.shape();
  source.trained = read_predictor_file(arguments.setup.predictor_file, shape.grid, shape.top_k);
  if (source.trained.mlp != nullptr) {
    source.learnt_sequences =
        leave_out_learnt(arguments.setup.predictor_file, source.trained, source.trace, source.split.test);
  }
  source.routers =
      load_routers(arguments.routers, arguments.source.trace, source, ahead_max(arguments.setup), true);
  return source;
}

PredictorOptions options_of(const EvalArguments& arguments, const Source& source,
                            const RequestGroups& future) {
  PredictorOptions options;
  options.grid = source.trace.shape().grid;
  options.top_k = source.trace.shape().top_k;
  options.lanes = arguments.schedule.lanes;
  options.trace = &source.trace;
  options.training = source.split.train;
  options.future = {future.offsets, future.experts};
  options.mlp = source.trained.mlp;
  if (source.routers.logits != nullptr) options.ahead_layers = source.routers.logits->ahead_layers();
  return options;
}

void score(const EvalArguments& arguments, const Source& source, Evaluated& evaluated) {
  const BatchSchedule schedule(source.trace, source.split.test, arguments.schedule);
  const RequestGroups future = collect_requests(source.trace, schedule);
  EvalSetup setup = arguments.setup;
  setup.router_control = source.routers.of_itself;
  EvalPanel panel(setup, options_of(arguments, source, future), future, schedule.tokens_max(),
                  source.trained.use);
  const std::uint64_t steps = future.groups() / future.grid.layers;
  const bool shows_progress = !arguments.setup.quiet && isatty(STDERR_FILENO) != 0;
  std::function<void(std::uint64_t)> progress;
  if (shows_progress) {
    progress = [steps](std::uint64_t done) {
      fmt::print(stderr, "\r{:>9}/{} steps\033[K", done, steps);
      std::fflush(stderr);
    };
  }
  evaluate_trace(source.trace, schedule, source.routers.logits.get(), panel.evaluation(), progress);
  if (shows_progress) fmt::print(stderr, "\r\033[K");
  take_counts(panel, evaluated);
}

/// Of a step in which every expert is resident, on the profile's virtual clock.
std::string measure_lead(const EvalArguments& arguments, const TraceToReplay& source,
                         ForecastReport& report) {
  Workload workload = real_workload(source.model, source.model.expert_dtype);
  workload.grid = source.trace.shape().grid;
  workload.top_k = source.trace.shape().top_k;
  SessionOptions options;
  options.device = arguments.device;
  options.steps = lead_steps;
  options.seed = arguments.setup.seed;
  ReplaySession session(source.trace, source.split, workload, options, nullptr);
  const ReplayMetrics& resident = session.all_resident(arguments.schedule.lanes).metrics;
  const double step_ns = static_cast<double>(quantile_ns(resident.step_ns, 0.5));
  const double expert_ns = static_cast<double>(workload.expert_bytes) / session.link_bytes_per_s() * 1e9;
  add_lead(arguments.setup, step_ns / workload.grid.layers, expert_ns, true, report);
  return session.device_info().name;
}

std::string head(const EvalArguments& arguments, const Source& source) {
  const TraceProvenance& origin = source.trace.provenance();
  const TraceShape& shape = source.trace.shape();
  const bool is_named = !origin.model.empty() && origin.model != "unknown";
  std::string text =
      fmt::format("trace   {}: {}{}, {} MoE layers x {} experts, top-{}\n", arguments.source.trace,
                  is_named ? origin.model : "model not named", origin.synthetic ? ", SYNTHETIC" : "",
                  shape.grid.layers, shape.grid.experts, shape.top_k);
  text += fmt::format("        {} sequences scored, {} for training{}, {} skipped by flags {}\n",
                      source.split.test.size(), source.split.train.size(),
                      source.train_trace.empty() ? "" : " from " + source.train_trace, source.split.skipped,
                      arguments.source.skip_flags);
  text += routers_line(arguments.routers, source.routers);
  if (source.trained.mlp == nullptr) return text;
  return text + fmt::format("learned {}; {} sequences left out that it was trained on\n",
                            arguments.setup.predictor_file, source.learnt_sequences);
}

nlohmann::json provenance(const EvalArguments& arguments, const Source& source) {
  nlohmann::json all;
  add_trace_provenance(all, arguments.source.trace, source.trace);
  all["trace_tokens"] = source.trace.tokens() - source.train_tokens;
  all["trace_sequences"] = source.trace.sequences().size() - source.train_sequences;
  all["train_trace"] = nullptr;
  if (!source.train_trace.empty()) all["train_trace"] = source.train_trace;
  all["sequences_scored"] = source.split.test.size();
  all["sequences_training"] = source.split.train.size();
  all["sequences_skipped"] = source.split.skipped;
  all["skip_flags"] = arguments.source.skip_flags;
  all["model"] = source.model.name;
  all["top_k"] = source.trace.shape().top_k;
  all["predictor_file"] = nullptr;
  if (source.trained.mlp != nullptr) {
    all["predictor_file"] = arguments.setup.predictor_file;
    all["sequences_learnt_from"] = source.learnt_sequences;
  }
  add_routers_provenance(all, arguments.routers, source.routers);
  all["device"] = nullptr;
  return all;
}

}  // namespace

Evaluated evaluate_recorded(const EvalArguments& arguments) {
  check_device(arguments.device);
  const Source source = load(arguments);
  Evaluated evaluated;
  evaluated.head = head(arguments, source);
  evaluated.provenance = provenance(arguments, source);
  score(arguments, source, evaluated);
  if (arguments.device.empty()) return evaluated;
  const std::string device = measure_lead(arguments, source, evaluated.report);
  evaluated.provenance["device"] = device;
  evaluated.head += fmt::format("device  {}: lead times are SIMULATED\n", device);
  return evaluated;
}

}  // namespace prophet
