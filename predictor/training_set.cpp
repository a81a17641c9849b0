#include "predictor/training_set.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

void check_shape(std::string_view predictor, const PredictorOptions& options) {
  if (options.trace == nullptr || options.training.empty()) {
    throw Error(
        ErrorCode::usage,
        fmt::format("predictor {}: 0 training sequences were given, it learns from at least 1 of a trace",
                    predictor));
  }
  const TraceShape& shape = options.trace->shape();
  if (shape.grid == options.grid && shape.top_k == options.top_k) return;
  throw Error(
      ErrorCode::usage,
      fmt::format("predictor {}: the training trace has {} layers x {} experts, top-{}; expected {} x {}, "
                  "top-{}",
                  predictor, shape.grid.layers, shape.grid.experts, shape.top_k, options.grid.layers,
                  options.grid.experts, options.top_k));
}

}  // namespace

TrainingSet::TrainingSet(std::string_view predictor, const PredictorOptions& options)
    : trace_(options.trace), ahead_(options.training_ahead) {
  check_shape(predictor, options);
  for (const SequenceId sequence : options.training) {
    if (sequence.index() >= trace_->sequences().size()) {
      throw Error(ErrorCode::usage,
                  fmt::format("predictor {}: training sequence {} is not in the trace, which has {}",
                              predictor, sequence.value, trace_->sequences().size()));
    }
    const SequenceInfo& info = trace_->sequences()[sequence.index()];
    const auto tokens = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(info.tokens, limits::training_tokens_max - tokens_));
    if (tokens == 0) continue;
    sequences_.push_back({info.first_token, tokens});
    tokens_ += tokens;
  }
}

}  // namespace prophet
