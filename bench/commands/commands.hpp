#pragma once

namespace CLI {
class App;
}

namespace prophet {

/// Each adds one subcommand to the `prophet` program. A subcommand prints results on stdout, log and progress
/// on stderr, and throws prophet::Error; main turns that into one sentence and the exit code.
void add_analyze_command(CLI::App& app);
void add_eval_predictor_command(CLI::App& app);
void add_generate_command(CLI::App& app);
void add_curve_command(CLI::App& app);
void add_calibrate_command(CLI::App& app);
void add_fit_dedup_command(CLI::App& app);
void add_headroom_command(CLI::App& app);
void add_measure_command(CLI::App& app);
void add_perplexity_command(CLI::App& app);
void add_recommend_command(CLI::App& app);
void add_replay_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_scale_command(CLI::App& app);
void add_serve_replay_command(CLI::App& app);
void add_sweep_command(CLI::App& app);
void add_tables_command(CLI::App& app);
void add_trace_command(CLI::App& app);
void add_train_predictor_command(CLI::App& app);
void add_validate_command(CLI::App& app);
void add_models_command(CLI::App& app);
void add_info_command(CLI::App& app);
void add_profiles_command(CLI::App& app);

}  // namespace prophet
