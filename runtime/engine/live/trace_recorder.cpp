#include "runtime/engine/live/trace_recorder.hpp"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "kernels/expert_quantise.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/trace/trace_writer.hpp"

namespace prophet {
namespace {

/// Where a trace says that its columns are.
struct LayerPlaces {
  std::uint32_t first = 0;
  std::uint32_t stride = 1;
};

LayerPlaces places_of(const std::vector<std::uint32_t>& numbers) {
  LayerPlaces places;
  if (numbers.empty()) return places;
  places.first = numbers.front();
  if (numbers.size() > 1) places.stride = numbers[1] - numbers[0];
  for (std::size_t l = 0; l < numbers.size(); ++l) {
    if (numbers[l] == places.first + l * places.stride) continue;
    throw Error(
        ErrorCode::usage,
        fmt::format("layer {} is number {} of those with experts: expected them at one distance, since a "
                    "trace has no other way to say which layers it holds",
                    numbers[l], l + 1));
  }
  return places;
}

}  // namespace

RecordedShape recorded_shape_of(const DecoderConfig& config) {
  RecordedShape shape;
  shape.grid = config.shape.grid;
  shape.top_k = config.shape.top_k;
  for (std::uint32_t l = 0; l < config.layers.size(); ++l) {
    if (config.layers[l].moe_layer) shape.moe_layer_numbers.push_back(l);
  }
  return shape;
}

TraceRecorder::TraceRecorder(RecordedShape shape) : shape_(std::move(shape)), order_(shape_.grid.experts) {
  (void)places_of(shape_.moe_layer_numbers);
}

AheadChoices TraceRecorder::no_choices() const {
  return {shape_.grid.layers, shape_.ahead_layers, shape_.ahead_ranks, {}};
}

void TraceRecorder::account(std::uint64_t bytes) {
  if (bytes > limits::recorded_bytes_max - kept_bytes_) {
    throw Error(
        ErrorCode::out_of_memory,
        fmt::format("recording: more than {} bytes of routing and hidden states, expected shorter texts",
                    limits::recorded_bytes_max));
  }
  kept_bytes_ += bytes;
}

/// Makes room for the tokens of a pass, whose layers come one after another.
void TraceRecorder::begin_pass(std::span<const StepToken> tokens) {
  const std::size_t choices = std::size_t{shape_.grid.layers} * shape_.top_k;
  const std::size_t hidden_bytes =
      std::size_t{shape_.grid.layers} * shape_.hidden_size * hidden_value_bytes(shape_.hidden_dtype);
  const std::size_t ahead = no_choices().row_ids();
  account(tokens.size() *
          (choices * (sizeof(std::uint16_t) + sizeof(float)) + hidden_bytes + ahead * sizeof(std::uint16_t)));
  pass_.clear();
  for (const StepToken& token : tokens) {
    if (token.lane.index() >= running_.size()) running_.resize(token.lane.index() + 1);
    std::size_t& running = running_[token.lane.index()];
    if (token.starts_sequence) {
      running = sequences_.size();
      sequences_.emplace_back();
    }
    Sequence& sequence = sequences_[running];
    pass_.push_back({running, sequence.tokens++});
    sequence.ids.resize(sequence.tokens * choices);
    sequence.weights.resize(sequence.tokens * choices);
    sequence.hidden.resize(sequence.tokens * hidden_bytes);
    sequence.ahead.resize(sequence.tokens * ahead, AheadChoices::none);
  }
}

void TraceRecorder::on_layer(const RoutedLayer& routed) {
  if (routed.layer.value == 0) begin_pass(routed.tokens);
  const std::size_t k = shape_.top_k;
  for (std::size_t t = 0; t < pass_.size(); ++t) {
    Sequence& sequence = sequences_[pass_[t].sequence];
    const std::size_t at = pass_[t].row * shape_.grid.layers + routed.layer.index();
    for (std::size_t r = 0; r < k; ++r) {
      sequence.ids[at * k + r] = static_cast<std::uint16_t>(routed.chosen[t * k + r].value);
      sequence.weights[at * k + r] = routed.weights[t * k + r];
    }
  }
  if (shape_.hidden_size != 0) keep_hidden(routed);
  if (shape_.ahead_ranks != 0) keep_ahead(routed);
}

void TraceRecorder::keep_hidden(const RoutedLayer& routed) {
  const std::size_t width = shape_.hidden_size;
  const std::size_t row_bytes = width * hidden_value_bytes(shape_.hidden_dtype);
  for (std::size_t t = 0; t < pass_.size(); ++t) {
    const std::size_t at = pass_[t].row * shape_.grid.layers + routed.layer.index();
    std::byte* const kept = sequences_[pass_[t].sequence].hidden.data() + at * row_bytes;
    const std::span<const float> values = routed.hidden.subspan(t * width, width);
    if (shape_.hidden_dtype == HiddenDtype::fp32) {
      std::memcpy(kept, values.data(), row_bytes);
      continue;
    }
    for (std::size_t h = 0; h < width; ++h) {
      const std::uint16_t bits = kernels::encode_bf16(values[h]);
      std::memcpy(kept + h * sizeof bits, &bits, sizeof bits);
    }
  }
}

void TraceRecorder::keep_ahead(const RoutedLayer& routed) {
  for (std::size_t t = 0; t < pass_.size(); ++t) {
    std::vector<std::uint16_t>& kept = sequences_[pass_[t].sequence].ahead;
    const std::size_t at = (pass_[t].row * shape_.grid.layers + routed.layer.index()) * shape_.ahead_layers;
    for (std::uint32_t ahead = 1; ahead <= shape_.ahead_layers; ++ahead) {
      const std::span<const float> logits = routed.ahead.row(ahead, t);
      if (logits.empty()) break;
      first_choices(logits, order_,
                    std::span(kept).subspan((at + ahead - 1) * shape_.ahead_ranks, shape_.ahead_ranks));
    }
  }
}

AheadChoices TraceRecorder::ahead_choices() const {
  AheadChoices all = no_choices();
  for (const Sequence& sequence : sequences_)
    all.ids.insert(all.ids.end(), sequence.ahead.begin(), sequence.ahead.end());
  return all;
}

std::uint64_t TraceRecorder::tokens() const noexcept {
  std::uint64_t sum = 0;
  for (const Sequence& sequence : sequences_) sum += sequence.tokens;
  return sum;
}

RoutingTrace TraceRecorder::trace(const TraceProvenance& provenance, std::span<const LiveRequest> requests,
                                  std::span<const Continuation> continuations) const {
  TraceShape shape;
  shape.grid = shape_.grid;
  shape.top_k = shape_.top_k;
  const LayerPlaces places = places_of(shape_.moe_layer_numbers);
  shape.first_layer_id = places.first;
  shape.layer_stride = places.stride;
  const bool wide = shape_.grid.experts > 256;
  std::vector<SequenceInfo> infos;
  std::vector<std::byte> ids;
  std::vector<float> weights;
  const std::size_t choices = tokens() * shape_.grid.layers * shape_.top_k;
  ids.reserve(choices * (wide ? 2 : 1));
  weights.reserve(choices);
  std::uint64_t first_token = 0;
  std::size_t request = 0;
  for (const Sequence& sequence : sequences_) {
    while (requests[request].new_tokens_max == 0) ++request;  // such a request never ran
    SequenceInfo info;
    info.first_token = first_token;
    info.tokens = static_cast<std::uint32_t>(sequence.tokens);
    info.prefill_tokens = static_cast<std::uint32_t>(requests[request].prompt.size());
    info.flags = continuations[request].ended ? sequence_flags::finished : 0;
    infos.push_back(info);
    first_token += sequence.tokens;
    ++request;
    for (const std::uint16_t id : sequence.ids) {
      ids.push_back(static_cast<std::byte>(id & 0xFFU));
      if (wide) ids.push_back(static_cast<std::byte>(id >> 8U));
    }
    weights.insert(weights.end(), sequence.weights.begin(), sequence.weights.end());
  }
  return RoutingTrace(shape, provenance, std::move(infos), std::move(ids), std::move(weights));
}

void TraceRecorder::write_hidden(const std::filesystem::path& path) const {
  HiddenStatesWriter writer(path, {shape_.grid.layers, shape_.hidden_size, shape_.hidden_dtype});
  for (const Sequence& sequence : sequences_) writer.append(sequence.hidden);
  writer.finish();
}

void TraceRecorder::write(const std::filesystem::path& path, const TraceProvenance& provenance,
                          std::span<const LiveRequest> requests,
                          std::span<const Continuation> continuations) const {
  if (tokens() == 0) {
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: nothing was recorded, expected at least one token", path.string()));
  }
  std::filesystem::path hidden;
  if (shape_.hidden_size != 0) {
    hidden = path;
    hidden += ".hidden";
    write_hidden(hidden);
  }
  write_trace(path, trace(provenance, requests, continuations), hidden.filename().string());
}

}  // namespace prophet
