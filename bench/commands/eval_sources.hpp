#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "bench/commands/eval_setup.hpp"
#include "bench/commands/replay_trace.hpp"
#include "bench/commands/routers_option.hpp"
#include "bench/report/forecast_rows.hpp"
#include "runtime/engine/batch_schedule.hpp"

namespace prophet {

/// `eval-predictor`: what is scored, and on what.
struct EvalArguments {
  EvalSetup setup;
  TraceSetup source;
  RoutersSetup routers;  ///< of a trace
  ScheduleOptions schedule;
  std::string device;  ///< of recorded routing sim:PROFILE, for lead times; of a live model where it runs
  std::string text;    ///< a live model reads it: source.model is its folder; empty, and so is ids: a trace
  std::string ids;
  std::optional<std::uint32_t> window_tokens;
  std::optional<std::uint64_t> tokens_max;  ///< of the text
  bool per_layer = false;
  bool reliability = false;
  std::string json_path;
  std::string csv_path;

  [[nodiscard]] bool is_live() const { return !text.empty() || !ids.empty(); }
};

/// What was counted, and what the report says of where it comes from.
struct Evaluated {
  std::string head;           ///< lines of the human report: source and device
  nlohmann::json provenance;  ///< the same, beside provenance_json()
  ForecastReport report;
  std::vector<std::string> left_out;
  std::uint32_t slabs = 0;
  std::uint32_t staging_slabs = 0;
  std::uint64_t decode_steps = 0;
  std::uint64_t decode_tokens = 0;
};

/// Scores on a trace's test sequences. Throws as load_trace_to_replay() and EvalPanel do.
[[nodiscard]] Evaluated evaluate_recorded(const EvalArguments& arguments);

/// Scores on what a live model routes while it reads a text in windows that do not overlap, each a sequence.
/// Throws Error{usage} for a text of less than two tokens or a window that does not fit, and as LiveSession
/// and EvalPanel do.
[[nodiscard]] Evaluated evaluate_live(const EvalArguments& arguments);

/// Takes the counts out of a panel that has seen everything.
void take_counts(EvalPanel& panel, Evaluated& evaluated);
/// From the time that one layer takes with every expert resident, and one expert on the link.
void add_lead(const EvalSetup& setup, double layer_ns, double expert_ns, bool simulated,
              ForecastReport& report);

}  // namespace prophet
