#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>

#include "bench/calibrate/fit_profile.hpp"
#include "bench/calibrate/step_time_config.hpp"
#include "bench/commands/commands.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "runtime/base/log.hpp"
#include "runtime/device/make_device.hpp"

namespace prophet {
namespace {

constexpr double median_error_target = 0.10;
constexpr double p90_error_target = 0.25;

struct CalibrateArguments {
  std::string device = "cpu";
  std::string out;
  std::string json_path;
  std::uint32_t steps = 24;
  std::uint32_t rounds = 3;
  bool validate = false;
  bool quiet = false;
};

/// Each config is measured once a round, all configs in turn, and its fastest round counts: what other
/// programs on the machine took is not the device's.
std::vector<MeasuredConfig> measure(const std::vector<StepTimeConfig>& configs,
                                    const CalibrateArguments& arguments) {
  std::vector<std::vector<std::uint64_t>> times(configs.size());
  for (std::uint32_t round = 0; round < arguments.rounds; ++round) {
    const std::vector<std::uint64_t> round_times = measure_on_cpu(configs, arguments.steps);
    for (std::size_t c = 0; c < configs.size(); ++c) times[c].push_back(round_times[c]);
  }
  std::vector<MeasuredConfig> measured;
  for (std::size_t c = 0; c < configs.size(); ++c) {
    measured.push_back({configs[c], *std::min_element(times[c].begin(), times[c].end())});
  }
  return measured;
}

struct Judged {
  MeasuredConfig measured;
  std::uint64_t predicted_ns = 0;
  double error = 0;  ///< |predicted - measured| / measured
};

std::vector<Judged> judge(const GpuProfile& profile, std::span<const MeasuredConfig> measured,
                          std::uint32_t steps) {
  std::vector<Judged> judged;
  for (const MeasuredConfig& m : measured) {
    const std::uint64_t predicted = predict_on_sim(m.config, profile, steps);
    const double off = static_cast<double>(predicted) - static_cast<double>(m.step_ns);
    judged.push_back({m, predicted, std::abs(off) / static_cast<double>(m.step_ns)});
  }
  return judged;
}

double error_quantile(const std::vector<Judged>& judged, double q) {
  std::vector<double> errors;
  for (const Judged& j : judged) errors.push_back(j.error);
  std::sort(errors.begin(), errors.end());
  return errors[static_cast<std::size_t>(std::ceil(q * static_cast<double>(errors.size()))) - 1];
}

void print_table(const std::vector<Judged>& judged) {
  fmt::print("{:<72} {:>11} {:>11} {:>8}\n", "held-out configuration (6 layers x 16 experts, top-2)",
             "measured ms", "sim ms", "error %");
  for (const Judged& j : judged) {
    fmt::print("{:<72} {:>11.3f} {:>11.3f} {:>8.1f}\n", j.measured.config.describe(),
               static_cast<double>(j.measured.step_ns) / 1e6, static_cast<double>(j.predicted_ns) / 1e6,
               100 * j.error);
  }
  const auto unthrottled = std::count_if(
      judged.begin(), judged.end(), [](const Judged& j) { return j.measured.config.link_bytes_per_s == 0; });
  fmt::print(
      "{} configurations, {} without a throttle: median error {:.1f} % (target at most {:.0f}), p90 {:.1f} % "
      "(target "
      "at most {:.0f})\nThis says how well the sim predicts the cpu device of this machine. It says nothing "
      "about "
      "GPUs.\n",
      judged.size(), unthrottled, 100 * error_quantile(judged, 0.5), 100 * median_error_target,
      100 * error_quantile(judged, 0.9), 100 * p90_error_target);
}

void write_json(const CalibrateArguments& arguments, const GpuProfile& profile,
                const std::vector<Judged>& judged) {
  nlohmann::json document = {{"schema_version", report_schema_version},
                             {"provenance", provenance_json()},
                             {"profile", nlohmann::json::parse(gpu_profile_json(profile))},
                             {"rows", nlohmann::json::array()}};
  for (const Judged& j : judged) {
    document["rows"].push_back({{"expert_bytes", j.measured.config.expert_bytes},
                                {"slabs", j.measured.config.slabs},
                                {"batch", j.measured.config.batch},
                                {"prefetch", j.measured.config.prefetch},
                                {"chunk_bytes", j.measured.config.chunk_bytes},
                                {"throttle_bytes_per_s", j.measured.config.link_bytes_per_s},
                                {"measured_step_ns", j.measured.step_ns},
                                {"predicted_step_ns", j.predicted_ns},
                                {"error", j.error}});
  }
  write_text_file(arguments.json_path, document.dump(2) + "\n");
}

void calibrate(const CalibrateArguments& arguments) {
  set_quiet(arguments.quiet);
  if (arguments.device != "cpu") {
    throw Error(ErrorCode::no_device,
                fmt::format("--device {}: expected cpu, the only real device that this version can "
                            "calibrate",
                            arguments.device));
  }
  std::vector<StepTimeConfig> configs = fitting_configs();
  const std::size_t fitting = configs.size();
  if (arguments.validate) {
    const std::vector<StepTimeConfig> held_out = held_out_configs();
    configs.insert(configs.end(), held_out.begin(), held_out.end());
  }
  log_info(fmt::format("measuring whole steps of {} configurations, {} of them to fit the profile to",
                       configs.size(), fitting));
  const std::vector<MeasuredConfig> measured = measure(configs, arguments);
  const std::span<const MeasuredConfig> fitted = std::span(measured).first(fitting);
  const auto device = make_device(arguments.device, {});
  const GpuProfile profile = fit_profile(first_guess(*device), fitted, arguments.steps / 2);
  log_info(fmt::format("fitted: mean |log(sim / measured)| {:.3f} over {} configurations",
                       mean_log_error(profile, fitted, arguments.steps), fitting));
  if (!arguments.out.empty()) write_text_file(arguments.out, gpu_profile_json(profile));
  if (!arguments.validate) return;
  const std::vector<Judged> judged = judge(profile, std::span(measured).subspan(fitting), arguments.steps);
  print_table(judged);
  if (!arguments.json_path.empty()) write_json(arguments, profile, judged);
}

}  // namespace

void add_calibrate_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("calibrate", "Write a sim profile from a real device, and judge the sim by it");
  const auto arguments = std::make_shared<CalibrateArguments>();
  command->add_option("--device", arguments->device, "The device to measure: cpu")->capture_default_str();
  command->add_option("--out", arguments->out, "Write the profile here; use it as --device sim:FILE");
  command->add_flag("--validate", arguments->validate,
                    "Measure configurations that were not fitted and print the sim's errors");
  command->add_option("--json", arguments->json_path,
                      "With --validate: write the error table as JSON (- is stdout)");
  command->add_option("--steps", arguments->steps, "Steps of each measurement")
      ->capture_default_str()
      ->check(CLI::Range(8, 100000));
  command->add_option("--rounds", arguments->rounds, "Measurements of each configuration; the fastest counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  command->add_flag("--quiet", arguments->quiet, "No remarks on stderr");
  command->callback([arguments] {
    if (arguments->out.empty() && !arguments->validate) {
      throw Error(ErrorCode::usage,
                  "calibrate: neither --out nor --validate is given: expected at least one of them");
    }
    if (!arguments->json_path.empty() && !arguments->validate) {
      throw Error(ErrorCode::usage,
                  "--json " + arguments->json_path +
                      std::string(": it holds the error table; expected --validate with it"));
    }
    check_writable(arguments->out);
    check_writable(arguments->json_path);
    calibrate(*arguments);
  });
}

}  // namespace prophet
