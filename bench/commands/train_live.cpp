#include "bench/commands/train_live.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <utility>

#include "bench/commands/text_windows.hpp"
#include "bench/commands/token_file.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/version.hpp"
#include "runtime/engine/live/live_session.hpp"
#include "runtime/engine/live/trace_recorder.hpp"
#include "runtime/model/decoder_config.hpp"

namespace prophet {
namespace {

void add_requests(const LiveTexts& texts, const std::string& file, std::uint32_t vocab,
                  std::vector<LiveRequest>& requests) {
  const std::vector<std::uint32_t> ids =
      read_text_tokens(file, "", texts.model, vocab, limits::text_tokens_max);
  check_makes_a_window(file, ids.size());
  std::vector<LiveRequest> of_file = requests_of(ids, cut_windows(ids.size(), texts.window_tokens));
  std::move(of_file.begin(), of_file.end(), std::back_inserter(requests));
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
  check_reading({texts.window_tokens, texts.lanes}, config.architecture.context_tokens);
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
