#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>

#include "bench/commands/commands.hpp"
#include "bench/report/provenance.hpp"
#include "prophet/error.hpp"
#include "runtime/base/version.hpp"

namespace {

void refuse_unknown_command(CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  const std::string given = argv[1];
  std::string known;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == given) return;
    known += std::string(known.empty() ? "" : ", ") + command->get_name();
  }
  throw prophet::Error(prophet::ErrorCode::usage,
                       "'" + given + std::string("' is no command: expected one of ") + known);
}

/// Options that take a count refuse "-1", which would else become the largest count there is.
void refuse_negative_counts(CLI::App& app) {
  const CLI::Validator no_sign(
      [](std::string& value) {
        return value.empty() || value.front() != '-' ? std::string()
                                                     : value + ": expected a number from 0 on";
      },
      "");
  for (CLI::Option* option : app.get_options()) {
    if (option->get_type_name().find("UINT") != std::string::npos) option->check(no_sign);
  }
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; }))
    refuse_negative_counts(*command);
}

int run(int argc, char** argv) {
  prophet::remember_command_line(argc, argv);
  CLI::App app("Prophet: replay MoE routing through an expert cache, and say what it costs");
  app.require_subcommand(1);
  const auto version = prophet::program_version();
  app.set_version_flag("--version", std::string(version.version) + " (" + std::string(version.git_commit) +
                                        (version.git_dirty ? ", modified)" : ")"));
  prophet::add_replay_command(app);
  prophet::add_analyze_command(app);
  prophet::add_generate_command(app);
  prophet::add_eval_predictor_command(app);
  prophet::add_calibrate_command(app);
  prophet::add_sweep_command(app);
  prophet::add_recommend_command(app);
  prophet::add_report_command(app);
  prophet::add_scale_command(app);
  prophet::add_serve_replay_command(app);
  prophet::add_curve_command(app);
  prophet::add_fit_dedup_command(app);
  prophet::add_headroom_command(app);
  prophet::add_measure_command(app);
  prophet::add_perplexity_command(app);
  prophet::add_tables_command(app);
  prophet::add_trace_command(app);
  prophet::add_train_predictor_command(app);
  prophet::add_validate_command(app);
  prophet::add_models_command(app);
  prophet::add_info_command(app);
  prophet::add_profiles_command(app);
  refuse_unknown_command(app, argc, argv);
  refuse_negative_counts(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
    std::fprintf(stderr, "prophet: %s; see prophet --help\n", error.what());
    return static_cast<int>(prophet::ErrorCode::usage);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    throw prophet::Error(prophet::ErrorCode::check_failed,
                         "stdout: not all of the result could be written, expected room for it");
  }
  return 0;
}

/// Without the destructors of static objects, among which is the CUDA runtime's, that may wait for a device
/// which does not answer any more.
[[noreturn]] void leave_at_once(prophet::ErrorCode code) {
  std::fflush(nullptr);
  std::_Exit(static_cast<int>(code));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const prophet::Error& error) {
    std::fprintf(stderr, "prophet: %s\n", error.what());
    if (error.code() == prophet::ErrorCode::device_lost) leave_at_once(error.code());
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "prophet: the host has not enough memory for this\n");
    return static_cast<int>(prophet::ErrorCode::out_of_memory);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "prophet: internal error: %s\n", error.what());
    return static_cast<int>(prophet::ErrorCode::check_failed);
  }
}
