#include "runtime/engine/recorded_logits.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "predictor/mlp/ahead_choices.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

/// So many tokens say whether these are the routers that the trace was recorded from.
constexpr std::uint64_t tokens_compared_max = 1024;
/// Rounding moves a choice in a hundred; another model's routers agree by chance only.
constexpr double agreement_min = 0.9;

[[noreturn]] void refuse(const std::string& sentence) {
  throw Error(ErrorCode::bad_input, sentence);
}

void check_shapes(const HiddenStatesReader& hidden, const HostRouters& routers, const RoutingTrace& trace,
                  std::uint64_t first_row) {
  const ExpertGrid& grid = trace.shape().grid;
  if (routers.grid() != grid) {
    refuse(
        fmt::format("the model has routers of {} MoE layers x {} experts: expected {} x {} as the trace has",
                    routers.grid().layers, routers.grid().experts, grid.layers, grid.experts));
  }
  if (hidden.shape().hidden != routers.hidden_size()) {
    refuse(fmt::format("the recorded hidden states have {} values: expected {} as the model's routers take",
                       hidden.shape().hidden, routers.hidden_size()));
  }
  const std::uint64_t tokens = trace.tokens() - first_row;
  if (hidden.tokens() == tokens && hidden.shape().layers == grid.layers) return;
  refuse(
      fmt::format("the recorded hidden states are of {} tokens and {} layers: expected {} and {} as the "
                  "trace has",
                  hidden.tokens(), hidden.shape().layers, tokens, grid.layers));
}

}  // namespace

/// One reading of a sidecar: applies the routers to frame after frame.
class RouterPass {
 public:
  RouterPass(RecordedLogits& logits, const HiddenStatesReader& hidden, const HostRouters& routers,
             const RoutingTrace& trace)
      : logits_(logits),
        shape_(hidden.shape()),
        routers_(routers),
        trace_(trace),
        order_(trace.shape().grid.experts),
        ranks_(trace.shape().top_k) {}

  /// The block's first token is row `first_row` of the trace.
  void take(const HiddenBlock& block, std::uint64_t first_row) {
    kept_.clear();
    for (std::uint32_t t = 0; t < block.tokens; ++t) {
      if (logits_.has(first_row + t)) kept_.push_back(t);
    }
    if (kept_.empty()) return;
    inputs_.resize(kept_.size() * shape_.hidden);
    outputs_.resize(kept_.size() * order_.size());
    for (std::uint32_t l = 0; l < shape_.layers; ++l) {
      gather(block, l);
      if (compared_ < tokens_compared_max) compare(LayerId{l}, first_row);
      for (std::uint32_t r = 0; r < logits_.routers(LayerId{l}); ++r) apply(LayerId{l}, r, first_row);
    }
    compared_ += kept_.size();
  }

  [[nodiscard]] double agreement() const noexcept {
    return choices_ == 0 ? 1.0 : static_cast<double>(agreed_) / static_cast<double>(choices_);
  }

 private:
  /// inputs_ [kept tokens, hidden] of one layer.
  void gather(const HiddenBlock& block, std::uint32_t layer) {
    const std::size_t row_bytes = std::size_t{shape_.hidden} * hidden_value_bytes(shape_.dtype);
    for (std::size_t k = 0; k < kept_.size(); ++k) {
      const std::size_t row = std::size_t{kept_[k]} * shape_.layers + layer;
      decode_hidden(shape_.dtype, block.values.subspan(row * row_bytes, row_bytes),
                    std::span(inputs_).subspan(k * shape_.hidden, shape_.hidden));
    }
  }

  void run(LayerId router) {
    routers_.apply(router, static_cast<std::uint32_t>(kept_.size()), inputs_, outputs_);
  }

  [[nodiscard]] std::span<const float> output(std::size_t k) const {
    return std::span(outputs_).subspan(k * order_.size(), order_.size());
  }

  void apply(LayerId layer, std::uint32_t router, std::uint64_t first_row) {
    run(LayerId{layer.value + logits_.first_ + router});
    for (std::size_t k = 0; k < kept_.size(); ++k) {
      const std::span<const float> from = output(k);
      std::copy(from.begin(), from.end(),
                logits_.of(logits_.slots_[first_row + kept_[k]], layer, router).begin());
    }
  }

  void compare(LayerId layer, std::uint64_t first_row) {
    run(layer);
    for (std::size_t k = 0; k < kept_.size(); ++k) {
      first_choices(output(k), order_, ranks_);
      for (std::uint32_t r = 0; r < ranks_.size(); ++r) {
        const std::uint32_t chosen = trace_.expert(first_row + kept_[k], layer, r).value;
        agreed_ += std::find(ranks_.begin(), ranks_.end(), chosen) != ranks_.end() ? 1U : 0U;
      }
      choices_ += ranks_.size();
    }
  }

  RecordedLogits& logits_;
  HiddenStatesShape shape_;
  const HostRouters& routers_;
  const RoutingTrace& trace_;
  std::vector<std::uint32_t> kept_;   ///< tokens of the block that are wanted
  std::vector<float> inputs_;         ///< [kept, hidden]
  std::vector<float> outputs_;        ///< [kept, experts]
  std::vector<std::uint16_t> order_;  ///< [experts]
  std::vector<std::uint16_t> ranks_;  ///< [top_k]
  std::uint64_t compared_ = 0;
  std::uint64_t choices_ = 0;
  std::uint64_t agreed_ = 0;
};

RecordedLogits::RecordedLogits(HiddenStatesReader& hidden, const HostRouters& routers,
                               const RoutingTrace& trace, std::span<const SequenceId> sequences,
                               const RecordedLogitsOptions& options)
    : experts_(trace.shape().grid.experts),
      ahead_layers_(options.ahead_layers),
      first_(options.of_itself ? 0 : 1) {
  check_shapes(hidden, routers, trace, options.first_row);
  place(trace, sequences, options);
  RouterPass pass(*this, hidden, routers, trace);
  HiddenBlock block;
  while (hidden.next_block(block)) pass.take(block, options.first_row + block.first_token);
  agreement_ = pass.agreement();
  if (agreement_ >= agreement_min) return;
  refuse(
      fmt::format("on the recorded hidden states the model's routers make {:.1f} % of the trace's choices: "
                  "expected at least {:.0f} %, those of the model that was recorded",
                  100 * agreement_, 100 * agreement_min));
}

/// Gives every decode token of the sequences its place.
void RecordedLogits::place(const RoutingTrace& trace, std::span<const SequenceId> sequences,
                           const RecordedLogitsOptions& options) {
  const std::uint32_t layers = trace.shape().grid.layers;
  first_router_.push_back(0);
  for (std::uint32_t l = 0; l < layers; ++l) {
    const std::uint32_t ahead = std::min(options.ahead_layers, layers - 1 - l);
    first_router_.push_back(first_router_.back() + ahead + (options.of_itself ? 1 : 0));
  }
  for (const SequenceId s : sequences) {
    const SequenceInfo& sequence = trace.sequences()[s.index()];
    tokens_ += sequence.tokens - sequence.prefill_tokens;
  }
  const std::uint64_t token_bytes = std::uint64_t{first_router_.back()} * experts_ * sizeof(float);
  const std::uint64_t bytes = checked_mul(tokens_, token_bytes, "logits of routers ahead");
  if (bytes > limits::recorded_bytes_max || tokens_ >= none) {
    throw Error(
        ErrorCode::out_of_memory,
        fmt::format("logits of routers ahead take {} bytes: expected at most {}, of a shorter trace or "
                    "fewer layers ahead",
                    bytes, limits::recorded_bytes_max));
  }
  slots_.assign(trace.tokens(), none);
  std::uint32_t next = 0;
  for (const SequenceId s : sequences) {
    const SequenceInfo& sequence = trace.sequences()[s.index()];
    for (std::uint32_t t = sequence.prefill_tokens; t < sequence.tokens; ++t)
      slots_[sequence.first_token + t] = next++;
  }
  logits_.resize(static_cast<std::size_t>(bytes / sizeof(float)));
}

LogitsAhead RecordedLogits::read(LayerId layer, std::span<const StepToken> tokens, std::uint32_t asked,
                                 std::span<float> room) const noexcept {
  const std::uint32_t count = std::min(asked, routers(layer));
  if (count == 0 || tokens.empty() || !has(tokens.front().row)) return {};
  for (std::uint32_t r = 0; r < count; ++r) {
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      const auto from = std::span(logits_).subspan(at(slots_[tokens[t].row], layer, r), experts_);
      std::copy(from.begin(), from.end(), room.subspan((r * tokens.size() + t) * experts_).begin());
    }
  }
  LogitsAhead logits;
  logits.values = room.first(count * tokens.size() * experts_);
  logits.first = first_;
  logits.tokens = static_cast<std::uint32_t>(tokens.size());
  logits.experts = experts_;
  return logits;
}

}  // namespace prophet
