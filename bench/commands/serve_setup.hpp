#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/commands/replay_trace.hpp"
#include "runtime/engine/serve/serve_session.hpp"
#include "runtime/trace/requests/request_record.hpp"

namespace prophet {

/// The options of `serve-replay`.
struct ServeSetup {
  TraceSetup source;
  std::string scenario;  ///< empty: the options say everything
  std::string requests;
  std::uint64_t skip_requests = 0;
  std::uint64_t requests_max = 300;
  std::string device = "sim:h100-80gb";
  double memory_gib = 0;
  std::string expert_dtype;
  std::string kv_dtype = "bf16";
  std::uint32_t page_tokens = 0;
  std::uint32_t staging_slabs = 8;
  std::string policy = "lfu";
  double load = 1;
  std::uint32_t batch_max = 32;
  std::uint32_t context_max = 0;
  std::uint32_t prefill_chunk_tokens = 2048;
  std::string prefill_routing = "rows";
  std::string preemption = "recompute";
  double watermark = 0.01;
  double first_token_ms = 10'000;
  double between_tokens_ms = 200;
  std::vector<double> kv_shares{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
  std::uint32_t oracle_windows = 10;
  std::uint32_t moves_per_step = 4;
  std::uint32_t window_steps = ControllerOptions{}.window_steps;
  double hysteresis = ControllerOptions{}.hysteresis;
  std::uint64_t seed = 1;
  std::string json_path;
  std::string csv_path;
  bool quiet = false;
};

void add_serve_options(CLI::App& command, ServeSetup& setup);

/// Everything loaded, checked against each other and ready to run.
struct LoadedServe {
  TraceToReplay source;
  std::vector<RequestRecord> requests;
  std::unique_ptr<ServeSession> session;
};
[[nodiscard]] std::unique_ptr<LoadedServe> load_serve(const ServeSetup& setup);

/// The head of the human report: what is served, where, and every term of the memory.
[[nodiscard]] std::string serve_preamble(const ServeSetup& setup, const LoadedServe& loaded);
/// The same as JSON.
[[nodiscard]] nlohmann::json serve_provenance(const ServeSetup& setup, const LoadedServe& loaded);

}  // namespace prophet
