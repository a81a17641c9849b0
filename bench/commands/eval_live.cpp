#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "bench/commands/eval_sources.hpp"
#include "bench/commands/live_setup.hpp"
#include "bench/commands/predictor_file_option.hpp"
#include "bench/commands/text_windows.hpp"
#include "bench/commands/token_file.hpp"
#include "bench/report/provenance.hpp"
#include "kernels/checksum.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/engine/live/perplexity_report.hpp"
#include "runtime/model/decoder_config.hpp"

namespace prophet {
namespace {

struct Text {
  std::vector<std::uint32_t> ids;
  TokenWindows windows;
  std::string path;
};

std::uint32_t window_tokens(const EvalArguments& arguments, const DecoderConfig& config) {
  return arguments.window_tokens.value_or(std::min(4096U, config.architecture.context_tokens));
}

void check(const EvalArguments& arguments, const DecoderConfig& config) {
  if (!arguments.text.empty() && !arguments.ids.empty())
    throw Error(ErrorCode::usage, "--text and --ids: expected one of them");
  check_reading({window_tokens(arguments, config), arguments.schedule.lanes},
                config.architecture.context_tokens);
}

Text read(const EvalArguments& arguments, const DecoderConfig& config) {
  Text text;
  text.path = arguments.text.empty() ? arguments.ids : arguments.text;
  const std::uint64_t tokens_max = arguments.tokens_max.value_or(limits::text_tokens_max);
  text.ids = read_text_tokens(arguments.text, arguments.ids, arguments.source.model,
                              config.architecture.vocab_size, tokens_max);
  check_makes_a_window(text.path, text.ids.size());
  text.windows = cut_windows(text.ids.size(), window_tokens(arguments, config));
  return text;
}

/// Leaves windows out so that the batch is full in every step, as it is when a trace is scored.
void fill_lanes(std::uint32_t lanes, Text& text) {
  const std::uint64_t windows = text.windows.count;
  text.windows.count -= windows % lanes;
  if (text.windows.count != 0) return;
  throw Error(ErrorCode::usage, fmt::format("--batch {}: expected at most {} lanes, as many as the text has "
                                            "windows of {} tokens",
                                            lanes, windows, text.windows.tokens));
}

LiveSessionOptions session_options(const EvalArguments& arguments, const LoadedLive& learnt) {
  LiveSessionOptions options;
  options.device = arguments.device.empty() ? "cpu" : arguments.device;
  options.device_options.crossover_rows = 0;
  options.model = arguments.source.model;
  options.decode.lanes = arguments.schedule.lanes;
  options.decode.stops_at_eos = false;
  options.verify = false;
  options.routers_ahead = *std::max_element(arguments.setup.ahead.begin(), arguments.setup.ahead.end());
  options.router_again = true;
  if (!learnt.train_trace.empty()) options.training = &learnt.training;
  options.trained = learnt.trained;
  return options;
}

void score(const EvalArguments& arguments, LiveSession& session, std::uint64_t tokens, Evaluated& evaluated) {
  const LiveRow& resident = session.all_resident();
  const RequestGroups& future = session.requests_of_experts();
  const std::uint32_t ahead = *std::max_element(arguments.setup.ahead.begin(), arguments.setup.ahead.end());
  EvalPanel panel(arguments.setup, session.predictor_options(ahead, true), future, arguments.schedule.lanes,
                  session.trained().use);
  const bool shows_progress = !arguments.setup.quiet && isatty(STDERR_FILENO) != 0;
  std::uint64_t done = 0;
  const auto on_token = [&](const NewToken&) {
    if (!shows_progress || ++done % 256 != 0) return;
    fmt::print(stderr, "\r{:>9}/{} tokens\033[K", done, tokens);
    std::fflush(stderr);
  };
  ReplayCase all;
  all.slabs = future.grid.size();
  (void)session.run(all, on_token, &panel.evaluation());
  if (shows_progress) fmt::print(stderr, "\r\033[K");
  take_counts(panel, evaluated);
  if (!resident.row.ran || !session.device_info().times_mean_something) return;
  const double step_ns = static_cast<double>(quantile_ns(resident.row.metrics.step_ns, 0.5));
  const double expert_ns =
      static_cast<double>(session.weights().layout().size_bytes) / session.link_bytes_per_s() * 1e9;
  add_lead(arguments.setup, step_ns / future.grid.layers, expert_ns, false, evaluated.report);
}

}  // namespace

Evaluated evaluate_live(const EvalArguments& arguments) {
  if (arguments.source.model.empty()) {
    throw Error(ErrorCode::usage,
                "--text: no --model is given: expected the folder of the checkpoint that reads it");
  }
  const DecoderConfig config = load_decoder_config(arguments.source.model);
  check(arguments, config);
  Text text = read(arguments, config);
  fill_lanes(arguments.schedule.lanes, text);
  LoadedLive learnt;
  load_training(arguments.source.train_trace, learns(arguments.setup), config.shape, learnt);
  learnt.trained = read_predictor_file(arguments.setup.predictor_file, config.shape.grid, config.shape.top_k);
  const std::vector<LiveRequest> requests = requests_of(text.ids, text.windows);
  LiveSession session(session_options(arguments, learnt), requests);
  Evaluated evaluated;
  score(arguments, session, text.windows.run(), evaluated);
  evaluated.head = fmt::format("model   {}: {} MoE layers x {} experts, top-{}, on {}\n",
                               arguments.source.model, config.shape.grid.layers, config.shape.grid.experts,
                               config.shape.top_k, session.device_info().name);
  evaluated.head += fmt::format("text    {}: {} tokens in {} windows of {}, each a sequence{}\n", text.path,
                                text.ids.size(), text.windows.count, text.windows.tokens,
                                learnt.train_trace.empty() ? "" : "; learns from " + learnt.train_trace);
  if (learnt.trained.mlp != nullptr)
    evaluated.head += fmt::format("learned {}\n", arguments.setup.predictor_file);
  nlohmann::json& all = evaluated.provenance;
  all["model"] = arguments.source.model;
  all["top_k"] = config.shape.top_k;
  all["train_trace"] = nullptr;
  if (!learnt.train_trace.empty()) all["train_trace"] = learnt.train_trace;
  all["predictor_file"] = nullptr;
  if (learnt.trained.mlp != nullptr) all["predictor_file"] = arguments.setup.predictor_file;
  all["text"] = text.path;
  all["text_tokens"] = text.ids.size();
  all["text_checksum"] = fmt::format("{:016x}", kernels::checksum(std::as_bytes(std::span(text.ids))));
  all["window_tokens"] = text.windows.tokens;
  all["windows"] = text.windows.count;
  add_device_provenance(all, session.device_info());
  return evaluated;
}

}  // namespace prophet
