#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bench/commands/replay_trace.hpp"
#include "bench/commands/routers_option.hpp"
#include "runtime/engine/replay_session.hpp"

namespace prophet {

/// The options that `replay` and `sweep` share.
struct ReplaySetup {
  TraceSetup source;
  RoutersSetup routers;
  std::string device = "cpu";
  std::string expert_dtype;  ///< empty: as the model ships
  std::uint64_t steps = 0;
  std::uint32_t repetitions = 1;
  std::optional<std::uint32_t> staging_slabs;  ///< absent: top-k of the model
  std::uint32_t lookahead_layers = 1;
  std::string prefetch = "paying";
  std::uint64_t chunk_kib = 0;  ///< 0: 2048 on a GPU, an eighth of an expert on the cpu device
  double link_gb_per_s = 0;
  double host_gb_per_s = 0;                      ///< sim only; 0: as the profile states
  std::uint32_t host_cores = 0;                  ///< 0: all, of the profile or of this host
  std::optional<std::uint64_t> host_memory_mib;  ///< cpu device only; absent: 512
  std::optional<std::uint32_t> crossover_rows;   ///< cuda device only; see CudaOptions
  std::uint64_t seed = 1;
  bool verify = true;
  std::string graph = "auto";
  std::string predictor_file;              ///< empty: what learns does so from the training sequences
  std::optional<std::string> forecast_on;  ///< absent: auto
  bool adapt = false;
  bool record_timeline = false;
  std::string json_path;
  std::string csv_path;
  bool quiet = false;
};

/// Adds them to a subcommand.
void add_replay_options(CLI::App& command, ReplaySetup& setup);

/// Everything loaded, checked against each other and ready to run.
struct LoadedReplay {
  std::size_t learnt_sequences = 0;  ///< left out, since --predictor-file has learned from them
  TraceToReplay source;
  LoadedRouters routers;
  std::uint64_t default_steps_applied = 0;  ///< of the cpu device, when --steps was not given
  std::unique_ptr<ReplaySession> session;
};

/// `learns`: a policy or predictor of the run needs training sequences. Throws Error as DESIGN says: trace
/// and model that do not fit each other are bad input.
[[nodiscard]] std::unique_ptr<LoadedReplay> load_replay(const ReplaySetup& setup, bool learns);

/// Throws Error{usage} where --forecast-on is given and none of `predictors` has nets that it could place.
void check_forecast_on(const std::optional<std::string>& forecast_on,
                       std::span<const std::string> predictors);

/// The same of --adapt.
void check_adapt(bool adapt, std::span<const std::string> predictors);
/// Throws Error{usage} for routers that the predictor would not ask.
void check_routers(const RoutersSetup& routers, std::string_view predictor);

/// Cache slabs for a fraction of all experts. Throws Error{usage} outside (0, 1].
[[nodiscard]] std::uint32_t slabs_of_fraction(double fraction, const ExpertGrid& grid);

/// Warns when a step's cycle is longer than the cache: global LRU falls off a cliff there.
void warn_below_cycle(const ReplayCase& what, std::uint32_t top_k, const RequestGroups& requests);

/// A progress line on stderr when that is a terminal and `quiet` is false; otherwise nothing.
[[nodiscard]] ReplaySession::Progress terminal_progress(bool quiet);
void clear_progress(bool quiet);

}  // namespace prophet
