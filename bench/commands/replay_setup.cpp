#include "bench/commands/replay_setup.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "bench/commands/predictor_file_option.hpp"
#include "bench/commands/training_progress.hpp"
#include "bench/report/provenance.hpp"
#include "predictor/mlp/mlp_predictor.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/base/log.hpp"
#include "runtime/device/cuda_driver.hpp"

namespace prophet {
namespace {

/// A device that runs in real time stops here without --steps, and the report says so.
constexpr std::uint64_t real_time_default_steps = 200;
constexpr std::uint64_t default_host_memory_mib = 512;
constexpr std::uint64_t gpu_chunk_bytes = 2ULL << 20;
constexpr std::uint64_t cpu_chunks_per_expert = 8;

bool is_cuda(const ReplaySetup& setup) {
  return setup.device == "cuda" || setup.device.rfind("cuda:", 0) == 0;
}

bool runs_in_real_time(const ReplaySetup& setup) {
  return setup.device == "cpu" || is_cuda(setup);
}

/// Whether experts are made smaller than the model's: what a CPU computes must be, and a GPU's host may be
/// too small for the model.
bool scales_experts(const ReplaySetup& setup) {
  if (!is_cuda(setup)) return setup.device == "cpu";
  return setup.host_memory_mib.has_value() || cuda_status().test_vehicle;
}

std::uint64_t option_bytes(const char* option, std::uint64_t value, std::uint64_t unit_bytes) {
  constexpr std::uint64_t bytes_max = 1ULL << 50;
  if (value > bytes_max / unit_bytes) {
    throw Error(ErrorCode::usage,
                fmt::format("{} {}: expected at most {}", option, value, bytes_max / unit_bytes));
  }
  return value * unit_bytes;
}

Workload choose_workload(const ReplaySetup& setup, const TraceToReplay& source) {
  const ModelShape& model = source.model;
  const Dtype dtype = setup.expert_dtype.empty() ? model.expert_dtype : parse_dtype(setup.expert_dtype);
  Workload real = real_workload(model, dtype);
  real.grid = source.trace.shape().grid;
  real.top_k = source.trace.shape().top_k;
  if (!scales_experts(setup)) return real;
  // Half of the memory holds the host store, half the all-resident baseline's slabs.
  const std::uint64_t store_bytes =
      option_bytes("--host-memory", setup.host_memory_mib.value_or(default_host_memory_mib), 1ULL << 20) / 2;
  return scaled_workload(real, store_bytes / real.grid.size());
}

GraphUse graph_use(const std::string& name) {
  if (name == "off") return GraphUse::off;
  if (name == "on") return GraphUse::required;
  if (name == "auto") return GraphUse::automatic;
  throw Error(ErrorCode::usage, fmt::format("--graph {}: expected auto, on or off", name));
}

SessionOptions session_options(const ReplaySetup& setup, const Workload& workload) {
  SessionOptions options;
  options.device = setup.device;
  options.device_options.link_bytes_per_s = setup.link_gb_per_s * 1e9;
  options.device_options.host_bytes_per_s = setup.host_gb_per_s * 1e9;
  options.device_options.host_cores = setup.host_cores;
  options.device_options.crossover_rows = setup.crossover_rows;
  options.steps = setup.steps;
  options.repetitions = setup.repetitions;
  options.seed = setup.seed;
  options.verify = setup.verify;
  options.graph = graph_use(setup.graph);
  options.forecast_on = parse_forecast_on(setup.forecast_on.value_or("auto"));
  options.record_timeline = setup.record_timeline;
  options.chunk_bytes = option_bytes("--chunk-kib", setup.chunk_kib, 1024);
  if (setup.chunk_kib == 0) {
    options.chunk_bytes =
        scales_experts(setup) ? ceil_div(workload.expert_bytes, cpu_chunks_per_expert) : gpu_chunk_bytes;
  }
  return options;
}

void check_host_options(const ReplaySetup& setup) {
  if (setup.host_gb_per_s < 0 || !std::isfinite(setup.host_gb_per_s)) {
    throw Error(ErrorCode::usage,
                fmt::format("--host-gb-per-s {}: expected 0 or more GB/s", setup.host_gb_per_s));
  }
  if (setup.host_gb_per_s == 0 || !runs_in_real_time(setup)) return;
  throw Error(ErrorCode::usage, fmt::format("--host-gb-per-s {}: {} has the host it has; expected it with "
                                            "--device sim:PROFILE only",
                                            setup.host_gb_per_s, setup.device));
}

}  // namespace

void add_replay_options(CLI::App& command, ReplaySetup& setup) {
  add_trace_options(command, setup.source);
  add_routers_options(command, setup.routers);
  command.add_option("--device", setup.device, "cpu, sim:PROFILE (see prophet profiles), cuda[:N]")
      ->capture_default_str();
  command.add_option(
      "--expert-dtype", setup.expert_dtype,
      "bf16, fp16, fp8, int8, int4 or mxfp4: how slabs hold experts; default: as the model ships");
  command.add_option(
      "--staging-slabs", setup.staging_slabs,
      "Slabs on top of the cache for experts that pass through and for prefetches; default: top-k");
  command.add_option("--steps", setup.steps,
                     "Decode steps at most; 0: the whole trace (cpu and cuda devices: 200)");
  command
      .add_option("--repetitions", setup.repetitions,
                  "cpu and cuda devices: run each row so often and keep the one of median length")
      ->capture_default_str();
  command.add_option("--lookahead", setup.lookahead_layers, "Layers ahead that are forecast")
      ->capture_default_str();
  command
      .add_option(
          "--prefetch", setup.prefetch,
          "paying: copy what a gain is expected of; named: every expert that a forecast names, as other "
          "systems do it")
      ->capture_default_str();
  command.add_option(
      "--chunk-kib", setup.chunk_kib,
      "A prefetch is copied in chunks of so many KiB; 0: 2048, or an eighth of an expert on the cpu device");
  command.add_option("--link-gbps", setup.link_gb_per_s,
                     "cpu device: throttle the link to so many GB/s; 0: none");
  command.add_option("--host-gb-per-s", setup.host_gb_per_s,
                     "sim device: what the host's cores read from memory in GB/s; 0: as the profile states");
  command.add_option(
      "--host-cores", setup.host_cores,
      "Cores that compute experts with --miss host or auto; 0: those of the profile; cpu and cuda devices: "
      "threads, 0: one a core of this host");
  command.add_option(
      "--host-memory", setup.host_memory_mib,
      "MiB for the host store and the slabs; experts are scaled to fit; cpu device: 512 unless given, cuda "
      "device: experts keep their size unless it is given");
  command.add_option(
      "--crossover-rows", setup.crossover_rows,
      "cuda device: an expert with at least so many rows is computed by cuBLAS; 0: none is; default: by the "
      "roofline of the GPU");
  command.add_option("--predictor-file", setup.predictor_file,
                     "What predictor mlp and policy forecast have learned, by prophet train-predictor; "
                     "default: they learn from the training sequences");
  command.add_option("--forecast-on", setup.forecast_on,
                     "Where predictor mlp's nets run, with the same forecasts: host, device, or auto, the "
                     "default: on the host, but for a cuda device");
  command.add_flag("--adapt", setup.adapt, "Predictor mlp goes on learning from what it sees, a little");
  command.add_option("--seed", setup.seed, "Of the split, the weights and every random choice")
      ->capture_default_str();
  command.add_flag("!--no-verify", setup.verify, "Do not check the contents of leased slabs");
  command
      .add_option(
          "--graph", setup.graph,
          "cuda device: run a decode step in which every expert is resident as one captured graph: on, "
          "off, or auto: where nothing is prefetched")
      ->capture_default_str();
  command.add_option("--json", setup.json_path, "Write the result as JSON (- is stdout)");
  command.add_option("--csv", setup.csv_path, "Write the rows as CSV (- is stdout)");
  command.add_flag("--quiet", setup.quiet, "No progress and no remarks on stderr");
}

std::unique_ptr<LoadedReplay> load_replay(const ReplaySetup& setup, bool learns) {
  set_quiet(setup.quiet);
  if (setup.link_gb_per_s < 0 || !std::isfinite(setup.link_gb_per_s)) {
    throw Error(ErrorCode::usage,
                fmt::format("--link-gbps {}: expected 0 or more GB/s", setup.link_gb_per_s));
  }
  if (setup.host_memory_mib && !runs_in_real_time(setup)) {
    throw Error(
        ErrorCode::usage,
        fmt::format("--host-memory {}: {} holds no real bytes; expected it with --device cpu or cuda only",
                    *setup.host_memory_mib, setup.device));
  }
  if (setup.link_gb_per_s > 0 && setup.device != "cpu") {
    throw Error(ErrorCode::usage, fmt::format("--link-gbps {}: {} has the link it has; expected it with "
                                              "--device cpu only",
                                              setup.link_gb_per_s, setup.device));
  }
  check_host_options(setup);
  if (setup.crossover_rows && !is_cuda(setup)) {
    throw Error(ErrorCode::usage,
                fmt::format("--crossover-rows {}: {} computes all experts in one way; expected it with "
                            "--device cuda only",
                            *setup.crossover_rows, setup.device));
  }
  if (setup.repetitions == 0 || setup.repetitions > limits::repetitions_max) {
    throw Error(ErrorCode::usage, fmt::format("--repetitions {}: expected 1 to {}", setup.repetitions,
                                              limits::repetitions_max));
  }
  if (setup.repetitions > 1 && !runs_in_real_time(setup)) {
    throw Error(ErrorCode::usage,
                fmt::format("--repetitions {}: simulated times are the same each time; expected it with "
                            "--device cpu or cuda only",
                            setup.repetitions));
  }
  check_one_stdout(setup.json_path, setup.csv_path);
  check_writable(setup.json_path);
  check_writable(setup.csv_path);
  auto loaded = std::make_unique<LoadedReplay>();
  loaded->source = load_trace_to_replay(setup.source, learns, setup.seed);
  const Workload workload = choose_workload(setup, loaded->source);
  SessionOptions options = session_options(setup, workload);
  if (options.steps == 0 && runs_in_real_time(setup))
    options.steps = loaded->default_steps_applied = real_time_default_steps;
  options.trained = read_predictor_file(setup.predictor_file, workload.grid, workload.top_k);
  if (options.trained.mlp != nullptr) {
    loaded->learnt_sequences = leave_out_learnt(setup.predictor_file, options.trained, loaded->source.trace,
                                                loaded->source.split.test);
  }
  // One layer at least: a sweep's baseline looks no further, whatever its rows do.
  loaded->routers = load_routers(setup.routers, setup.source.trace, loaded->source,
                                 std::max(1U, setup.lookahead_layers), false);
  options.routers_ahead = loaded->routers.logits;
  options.training_progress = training_progress("parts of what is learned", setup.quiet);
  if (setup.adapt) options.adapt_rate = mlp_adapt_rate;
  loaded->session = std::make_unique<ReplaySession>(loaded->source.trace, loaded->source.split, workload,
                                                    std::move(options), terminal_progress(setup.quiet));
  return loaded;
}

void check_forecast_on(const std::optional<std::string>& forecast_on,
                       std::span<const std::string> predictors) {
  if (!forecast_on) return;
  (void)parse_forecast_on(*forecast_on);
  if (std::any_of(predictors.begin(), predictors.end(), predictor_has_nets)) return;
  throw Error(ErrorCode::usage,
              fmt::format("--forecast-on {}: predictor {} has no nets to run, expected --predictor mlp",
                          *forecast_on, fmt::join(predictors, ", ")));
}

void check_adapt(bool adapt, std::span<const std::string> predictors) {
  if (!adapt || std::any_of(predictors.begin(), predictors.end(), predictor_has_nets)) return;
  throw Error(
      ErrorCode::usage,
      fmt::format("--adapt: predictor {} has no nets that could go on learning, expected --predictor mlp",
                  fmt::join(predictors, ", ")));
}

void check_routers(const RoutersSetup& routers, std::string_view predictor) {
  if (routers.folder.empty() || predictor == "gate-ahead" || predictor_has_nets(predictor)) return;
  throw Error(ErrorCode::usage,
              fmt::format("--routers {}: predictor {} asks no router, expected --predictor gate-ahead or mlp",
                          routers.folder, predictor));
}

std::uint32_t slabs_of_fraction(double fraction, const ExpertGrid& grid) {
  if (!(fraction > 0.0 && fraction <= 1.0)) {
    throw Error(ErrorCode::usage, fmt::format("--slab-fraction {}: expected a number in (0, 1]", fraction));
  }
  return std::max(1U, static_cast<std::uint32_t>(std::lround(fraction * grid.size())));
}

void warn_below_cycle(const ReplayCase& what, std::uint32_t top_k, const RequestGroups& requests) {
  const std::uint64_t one_token = std::uint64_t{requests.grid.layers} * top_k;
  const std::uint64_t passes = requests.groups() / requests.grid.layers;
  // Prompts run between decode steps, and their passes want more experts than one lane's step does.
  const std::uint64_t cycle =
      what.batch == 1 || passes == 0 ? one_token : std::max(one_token, requests.requests() / passes);
  if (what.slabs >= cycle) return;
  const std::string step =
      what.batch == 1 ? fmt::format("the {} experts ({} layers x top-{}) that one token passes", cycle,
                                    requests.grid.layers, top_k)
                      : fmt::format("the {} different experts that one pass of {} lanes wants on average",
                                    cycle, what.batch);
  log_warning(
      fmt::format("{} cache slabs are fewer than {}: least recently used experts are then thrown out just "
                  "before they are wanted again, and LRU's hit rate falls off a cliff",
                  what.slabs, step));
}

ReplaySession::Progress terminal_progress(bool quiet) {
  if (quiet || isatty(STDERR_FILENO) == 0) return nullptr;
  return [](const ReplayCase& what, std::uint64_t done, std::uint64_t in_all) {
    constexpr std::uint64_t width = 30;
    const auto filled =
        static_cast<std::size_t>(in_all == 0 ? width : width * std::min(done, in_all) / in_all);
    fmt::print(stderr, "\r[{:<{}}] {:>9}/{} steps  {} + {}, batch {}, {} slabs\033[K",
               std::string(filled, '#'), width, done, in_all, what.policy, what.predictor, what.batch,
               what.slabs);
    std::fflush(stderr);
  };
}

void clear_progress(bool quiet) {
  if (!quiet && isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
}

}  // namespace prophet
