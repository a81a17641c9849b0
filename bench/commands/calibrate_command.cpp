#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>

#include "bench/calibrate/calibration_plan.hpp"
#include "bench/calibrate/calibration_report.hpp"
#include "bench/calibrate/first_guess.hpp"
#include "bench/calibrate/fit_profile.hpp"
#include "bench/commands/commands.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "runtime/base/log.hpp"
#include "runtime/device/make_device.hpp"

namespace prophet {
namespace {

struct CalibrateArguments {
  std::string device = "cpu";
  std::string out;
  std::string json_path;
  std::uint32_t steps = 24;
  std::uint32_t rounds = 3;
  bool validate = false;
  bool quiet = false;
};

/// What the test vehicle runs at most: that it does is all that it can show.
constexpr std::uint32_t vehicle_steps_max = 8;
constexpr std::uint32_t vehicle_rounds_max = 1;

/// Each config is measured once a round, all configs in turn, and its fastest round counts: what other
/// programs on the machine took is not the device's.
std::vector<MeasuredConfig> measure(const std::vector<StepTimeConfig>& configs,
                                    const CalibrateArguments& arguments) {
  std::vector<MeasuredConfig> measured;
  for (const StepTimeConfig& config : configs) measured.push_back({config, UINT64_MAX});
  for (std::uint32_t round = 0; round < arguments.rounds; ++round) {
    const std::vector<std::uint64_t> times = measure_steps(arguments.device, configs, arguments.steps);
    for (std::size_t c = 0; c < configs.size(); ++c)
      measured[c].step_ns = std::min(measured[c].step_ns, times[c]);
  }
  return measured;
}

/// The device's description, and where a fit begins if its times mean something. The device itself is gone
/// afterwards: those that are measured need its memory.
struct Probed {
  DeviceInfo info;
  GpuProfile guess;
};

Probed probe(const std::string& name) {
  const auto device = make_device(name, {});
  if (device->info().simulated) {
    throw Error(ErrorCode::no_device,
                fmt::format("--device {}: its times are simulated, expected a device to measure: cpu or "
                            "cuda[:N]",
                            name));
  }
  Probed probed{device->info(), {}};
  if (probed.info.times_mean_something) probed.guess = first_guess(*device);
  return probed;
}

CalibrationPlan settled_plan(const Probed& probed, CalibrateArguments& arguments) {
  CalibrationPlan plan = plan_for(probed.info);
  if (plan.scale < 1) {
    log_warning(
        fmt::format("memory is short: experts of {:.2f} times the usual size; a step may fit the GPU's "
                    "cache, which is faster than its memory",
                    plan.scale));
  }
  if (!probed.info.times_mean_something) {
    arguments.steps = std::min(arguments.steps, vehicle_steps_max);
    arguments.rounds = std::min(arguments.rounds, vehicle_rounds_max);
  }
  return plan;
}

/// Nothing where times mean nothing.
GpuProfile fit(const Probed& probed, std::span<const MeasuredConfig> fitted,
               const CalibrateArguments& arguments) {
  if (!probed.info.times_mean_something) return {};
  // Half as many are enough where every step is like the next; a GPU's steps are short against the misses of
  // a cache that is still cold, and those must be the same ones.
  const std::uint32_t steps = probed.info.kind == "cpu" ? arguments.steps / 2 : arguments.steps;
  const GpuProfile profile = fit_profile(probed.guess, fitted, steps);
  log_info(fmt::format("fitted: mean |log(sim / measured)| {:.3f} over {} configurations",
                       mean_log_error(profile, fitted, arguments.steps), fitted.size()));
  return profile;
}

void write_profile(const Probed& probed, const std::string& profile_text, const std::string& path) {
  if (probed.info.times_mean_something) {
    write_text_file(path, profile_text);
    return;
  }
  log_warning(
      fmt::format("--out {}: no profile is written, because times of the test vehicle mean nothing", path));
}

void calibrate(CalibrateArguments arguments) {
  set_quiet(arguments.quiet);
  const Probed probed = probe(arguments.device);
  const CalibrationPlan plan = settled_plan(probed, arguments);
  std::vector<StepTimeConfig> configs = plan.fitted;
  if (arguments.validate) configs.insert(configs.end(), plan.held_out.begin(), plan.held_out.end());
  log_info(fmt::format("measuring whole steps of {} configurations on {}, {} of them to fit the profile to",
                       configs.size(), probed.info.name, plan.fitted.size()));
  const std::vector<MeasuredConfig> measured = measure(configs, arguments);
  const auto fitted = std::span(measured).first(plan.fitted.size());
  const auto held_out = std::span(measured).subspan(plan.fitted.size());

  const bool has_times = probed.info.times_mean_something;
  const GpuProfile profile = fit(probed, fitted, arguments);
  const std::string profile_text =
      has_times ? gpu_profile_json(profile, calibration_sources(probed.info)) : std::string();
  if (!arguments.out.empty()) write_profile(probed, profile_text, arguments.out);
  if (!arguments.validate) return;
  const std::vector<Judged> judged =
      has_times ? judge(profile, held_out, arguments.steps) : not_judged(held_out);
  if (arguments.json_path != "-") fmt::print("{}", judgement_table(judged, probed.info));
  if (arguments.json_path.empty()) return;
  nlohmann::json document = {{"schema_version", report_schema_version}, {"provenance", provenance_json()}};
  document["provenance"]["device"] = probed.info.name;
  document["provenance"]["device_kind"] = probed.info.kind;
  document["provenance"]["times_mean_something"] = has_times;
  document["profile"] = has_times ? nlohmann::json::parse(profile_text) : nlohmann::json();
  add_judgement(document, judged, probed.info);
  write_text_file(arguments.json_path, json_text(document));
}

}  // namespace

void add_calibrate_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("calibrate", "Write a sim profile from a real device, and judge the sim by it");
  const auto arguments = std::make_shared<CalibrateArguments>();
  command->add_option("--device", arguments->device, "The device to measure: cpu or cuda[:N]")
      ->capture_default_str();
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
