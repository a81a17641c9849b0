#include "bench/commands/train_live.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "bench/commands/token_file.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/version.hpp"
#include "runtime/engine/live/live_session.hpp"
#include "runtime/engine/live/perplexity_report.hpp"
#include "runtime/engine/live/trace_recorder.hpp"
#include "runtime/model/decoder_config.hpp"

namespace prophet {
namespace {

/// A prompt, a token that a decode step reads, and what comes of it.
constexpr std::uint32_t window_tokens_min = 3;

void check(const LiveTexts& texts, const DecoderConfig& config) {
  const auto refuse = [](const std::string& sentence) { throw Error(ErrorCode::usage, sentence); };
  const std::uint32_t context_tokens = config.architecture.context_tokens;
  if (texts.window_tokens < window_tokens_min || texts.window_tokens > context_tokens) {
    refuse(fmt::format("--window {}: expected {} to {}, the model's context", texts.window_tokens,
                       window_tokens_min, context_tokens));
  }
  if (texts.lanes == 0 || texts.lanes > limits::lanes_max)
    refuse(fmt::format("--batch {}: expected 1 to {} lanes", texts.lanes, limits::lanes_max));
}

void add_requests(const LiveTexts& texts, const std::string& file, std::uint32_t vocab,
                  std::vector<LiveRequest>& requests) {
  const std::vector<std::uint32_t> ids =
      read_text_tokens(file, "", texts.model, vocab, limits::text_tokens_max);
  if (ids.size() < window_tokens_min) {
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: {} tokens, expected at least {}", file, ids.size(), window_tokens_min));
  }
  const TokenWindows windows = cut_windows(ids.size(), texts.window_tokens);
  for (std::uint64_t w = 0; w < windows.count; ++w) {
    const auto window = std::span(ids).subspan(w * windows.tokens, windows.tokens);
    LiveRequest& request = requests.emplace_back();
    request.prompt.assign(window.begin(), window.begin() + 1);
    request.forced.assign(window.begin() + 1, window.end());
    request.new_tokens_max = windows.tokens - 1;  // the last of them is not read
  }
}

LiveSessionOptions session_options(const LiveTexts& texts) {
  LiveSessionOptions options;
  options.device_options.crossover_rows = 0;
  options.model = texts.model;
  options.decode.lanes = texts.lanes;
  options.decode.stops_at_eos = false;
  options.verify = false;
  options.routers_ahead = texts.lookahead_layers;
  return options;
}

RecordedShape shape_of(const LiveTexts& texts, const DecoderConfig& config) {
  RecordedShape shape = recorded_shape_of(config);
  // A router further ahead would be that of the next token.
  shape.ahead_layers = std::min(texts.lookahead_layers, std::max(1U, shape.grid.layers - 1));
  shape.ahead_ranks =
      std::min({2 * shape.top_k, shape.grid.experts, std::uint32_t{kernels::predictor_top_k_max}});
  return shape;
}

TraceProvenance provenance_of(const LiveTexts& texts, std::size_t windows) {
  const std::filesystem::path folder = std::filesystem::path(texts.model).lexically_normal();
  TraceProvenance provenance;
  provenance.model = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  provenance.source = fmt::format("read live by prophet {}: {} windows of {} tokens",
                                  program_version().version, windows, texts.window_tokens);
  return provenance;
}

ContinuousDecode::OnToken progress(const LiveTexts& texts, std::uint64_t tokens) {
  if (texts.quiet || isatty(STDERR_FILENO) == 0) return {};
  return [tokens, done = std::uint64_t{0}](const NewToken&) mutable {
    if (++done % 256 != 0) return;
    fmt::print(stderr, "\r{:>9}/{} tokens read\033[K", done, tokens);
    std::fflush(stderr);
  };
}

}  // namespace

LiveRouting read_live_texts(const LiveTexts& texts) {
  const DecoderConfig config = load_decoder_config(texts.model);
  check(texts, config);
  std::vector<LiveRequest> requests;
  for (const std::string& file : texts.files)
    add_requests(texts, file, config.architecture.vocab_size, requests);
  TraceRecorder recorder(shape_of(texts, config));
  LiveSession session(session_options(texts), requests);
  ReplayCase all;
  all.slabs = config.shape.grid.size();
  std::uint64_t tokens = 0;
  for (const LiveRequest& request : requests) tokens += request.new_tokens_max;
  const LiveRow row = session.run(all, progress(texts, tokens), &recorder);
  return {recorder.trace(provenance_of(texts, requests.size()), requests, row.continuations),
          recorder.ahead_choices()};
}

}  // namespace prophet
