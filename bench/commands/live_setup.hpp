#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "predictor/trained/trained_predictor.hpp"
#include "runtime/engine/live/live_session.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// The options of the commands that run a live model.
struct LiveSetup {
  std::string model;
  std::vector<std::string> prompts;
  std::vector<std::string> prompt_files;
  std::vector<std::string> prompt_ids;
  std::vector<std::string> text_files;   ///< read as if the model had written them
  std::uint32_t text_prompt_tokens = 1;  ///< of them, what stands at the front as a prompt
  std::string device = "cpu";
  std::string quant;  ///< empty: as the checkpoint stores experts
  std::string kv_dtype = "fp32";
  std::string train_trace;     ///< empty: sample-train where `learns` and the model's shape is its
  std::string predictor_file;  ///< empty: what learns does so from train_trace
  std::optional<std::string> forecast_on;  ///< absent: auto
  bool learns = false;                     ///< a policy or predictor of the run does
  std::uint32_t new_tokens_max = 128;
  std::uint32_t batch = 1;
  Sampling sampling;
  bool ignore_eos = false;
  std::uint32_t prefill_chunk_tokens = 512;
  bool bypass_prefill = true;
  std::uint64_t chunk_kib = 0;
  double link_gb_per_s = 0;
  std::string link_like;
  std::optional<std::uint64_t> device_memory_mib;
  std::uint32_t host_cores = 0;  ///< that compute experts; 0: all of this host
  bool verify = true;
  bool record_timeline = false;
  bool records_hidden = false;
  bool quiet = false;
};

/// Adds them to a subcommand.
void add_live_options(CLI::App& command, LiveSetup& setup);

/// A session with what it points to.
struct LoadedLive {
  RoutingTrace training;
  std::string train_trace;   ///< what `training` was read from; empty: there is none
  TrainedPredictor trained;  ///< nothing unless a file was given
  std::vector<LiveRequest> requests;
  bool is_text = false;            ///< tokens are bytes
  double link_gb_per_s = 0;        ///< throttle of the cpu device; 0: none
  double copies_over_compute = 0;  ///< that --link-like asked for; 0: it did not
  std::unique_ptr<LiveSession> session;
};

/// Reads the prompts, loads the model and makes it ready. Throws Error{usage} for options that do not go
/// together or a text prompt of a model whose tokens are not bytes, Error{bad_input} for files, and what
/// LiveSession throws.
[[nodiscard]] std::unique_ptr<LoadedLive> load_live(const LiveSetup& setup);

/// The trace to learn from: the one that is named, or where none is and something learns, that of the sample
/// model, if the model has its shape; else none, and what learns will say so.
void load_training(const std::string& train_trace, bool learns, const ModelShape& shape, LoadedLive& loaded);

/// A session of the same model and options over other requests, which must outlive it as `loaded` must.
[[nodiscard]] std::unique_ptr<LiveSession> make_live_session(const LiveSetup& setup, const LoadedLive& loaded,
                                                             std::span<const LiveRequest> requests);

}  // namespace prophet
