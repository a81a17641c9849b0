#include "runtime/engine/live/live_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/checksum.hpp"
#include "prophet/error.hpp"
#include "runtime/engine/live/runnable.hpp"

namespace prophet {
namespace {

template <class T>
std::span<T> host_values(Device& device, BufferView view) {
  const std::span<std::byte> bytes = device.host_bytes(view);
  return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}

Workload workload_of(const DecoderConfig& config, const DecoderWeights& weights,
                     const kernels::SlabLayout& layout) {
  Workload workload;
  workload.grid = config.shape.grid;
  workload.top_k = config.architecture.top_k;
  workload.hidden_size = config.architecture.hidden_size;
  workload.expert_bytes = layout.size_bytes;
  workload.lookup_bytes = config.architecture.tied_embeddings ? 0 : weights.embedding().data.size_bytes;
  workload.dense_bytes_per_layer = (weights.bytes() - workload.lookup_bytes) / config.shape.grid.layers;
  workload.expert_flops_per_token = 6ULL * config.architecture.hidden_size * config.architecture.expert_width;
  return workload;
}

LiveSizes sizes_of(const LiveOptions& options, const KvMemory& kv) {
  LiveSizes sizes;
  sizes.tokens_max = options.tokens_max;
  sizes.logit_rows_max = options.logit_rows_max;
  sizes.pages_max = kv.pages_max();
  sizes.context_tokens = kv.shape().context_tokens;
  sizes.hidden_to_host = options.records_hidden;
  sizes.routers_ahead = options.routers_ahead + (options.router_again ? 1 : 0);
  return sizes;
}

std::vector<std::uint32_t> moe_layers_of(const DecoderConfig& config) {
  std::vector<std::uint32_t> layers;
  for (std::uint32_t l = 0; l < config.layers.size(); ++l) {
    if (config.layers[l].moe_layer) layers.push_back(l);
  }
  return layers;
}

kernels::ExpertActivation activation_of(HiddenActivation activation) {
  switch (activation) {
    case HiddenActivation::silu:
      return kernels::ExpertActivation::swiglu;
    case HiddenActivation::gelu_erf:
      return kernels::ExpertActivation::geglu_erf;
    case HiddenActivation::gelu_tanh:
      return kernels::ExpertActivation::geglu_tanh;
  }
  throw Error(ErrorCode::usage, "decoder: an unknown activation, expected one of HiddenActivation");
}

}  // namespace

LiveModel::LiveModel(Device& device, const DecoderConfig& config, const DecoderWeights& weights, KvMemory& kv,
                     const kernels::SlabLayout& expert_layout, const LiveOptions& options)
    : device_(device),
      config_(config),
      a_(config_.architecture),
      activation_(activation_of(config.activation)),
      weights_(weights),
      kv_(kv),
      expert_layout_(expert_layout),
      options_(options),
      moe_layers_(moe_layers_of(config)),
      buffers_(device, config, sizes_of(options, kv)) {
  workload_ = workload_of(config, weights, expert_layout_);
}

void LiveModel::set_inputs(std::span<const LiveToken> tokens, std::uint32_t logit_rows, StepKind kind) {
  const auto count = static_cast<std::uint32_t>(tokens.size());
  if (count > options_.tokens_max || logit_rows > std::min(count, options_.logit_rows_max)) {
    throw Error(ErrorCode::usage,
                fmt::format("live step of {} tokens with logits of {}: expected at most {} and {}", count,
                            logit_rows, options_.tokens_max, options_.logit_rows_max));
  }
  for (const LiveToken& token : tokens) {
    if (token.id < a_.vocab_size && token.position < kv_.shape().context_tokens &&
        token.lane.value < kv_.shape().lanes)
      continue;
    throw Error(
        ErrorCode::usage,
        fmt::format("live token {} at position {} of lane {}: expected an id below {}, a position below "
                    "{} and a lane below {}",
                    token.id, token.position, token.lane.value, a_.vocab_size, kv_.shape().context_tokens,
                    kv_.shape().lanes));
  }
  const auto ids = host_values<std::uint32_t>(device_, buffers_.host_ids(count));
  const auto positions = host_values<std::uint32_t>(device_, buffers_.host_positions(count));
  const auto contexts = host_values<std::uint32_t>(device_, buffers_.host_contexts(count));
  const auto table = host_values<std::uint32_t>(device_, buffers_.host_block_table(count));
  context_tokens_ = 0;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    ids[t] = tokens[t].id;
    positions[t] = tokens[t].position;
    contexts[t] = tokens[t].position + 1;
    context_tokens_ = std::max(context_tokens_, contexts[t]);
    kv_.write_row(tokens[t].lane, table.subspan(t * kv_.pages_max(), kv_.pages_max()));
  }
  step_tokens_ = count;
  kind_ = kind;
  logit_rows_ = logit_rows;
}

std::span<const float> LiveModel::logits() {
  return host_values<float>(device_, buffers_.host_logits(logit_rows_));
}

void LiveModel::begin(std::span<const StepToken> tokens, StreamId compute) {
  const auto count = static_cast<std::uint32_t>(tokens.size());
  if (count != step_tokens_) {
    throw Error(ErrorCode::usage,
                fmt::format("live step of {} tokens: expected the {} that were set", count, step_tokens_));
  }
  next_layer_ = 0;
  device_.copy(compute, buffers_.ids(count), buffers_.host_ids(count), 0);
  device_.copy(compute, buffers_.positions(count), buffers_.host_positions(count), 0);
  device_.copy(compute, buffers_.contexts(count), buffers_.host_contexts(count), 0);
  device_.copy(compute, buffers_.block_table(count), buffers_.host_block_table(count), 0);
  EmbedOp op;
  op.table = weights_.embedding();
  op.ids = buffers_.ids(count);
  op.output = buffers_.hidden(count);
  op.tokens = count;
  device_.launch(compute, op, 0);
}

void LiveModel::launch_dense(LayerId layer, std::span<const StepToken> tokens, StreamId compute) {
  const std::uint32_t moe = moe_layers_[layer.index()];
  run_layers_before(moe, step_tokens_, compute);
  attend(moe, step_tokens_, compute);
  route(moe, step_tokens_, compute);
  route_ahead(layer, step_tokens_, compute);
  next_layer_ = moe + 1;
  (void)tokens;
}

void LiveModel::run_layers_before(std::uint32_t end, std::uint32_t tokens, StreamId compute) {
  for (; next_layer_ < end; ++next_layer_) {
    attend(next_layer_, tokens, compute);
    run_dense_ffn(next_layer_, tokens, compute);
  }
}

void LiveModel::attend(std::uint32_t layer, std::uint32_t tokens, StreamId compute) {
  project_heads(layer, tokens, compute);
  const KvPagesView kv = kv_.layer(layer, buffers_.block_table(tokens), tokens);
  KvAppendOp append;
  append.kv = kv;
  append.k = buffers_.k(tokens);
  append.v = buffers_.v(tokens);
  append.positions = buffers_.positions(tokens);
  append.sequence_of = buffers_.rows(tokens);
  append.tokens = tokens;
  append.kv_heads = a_.kv_heads;
  append.head_dim = a_.head_dim;
  device_.launch(compute, append, layer);
  AttentionOp attention;
  attention.kv = kv;
  attention.q = buffers_.q(tokens);
  attention.output = buffers_.attended(tokens);
  attention.context_tokens = buffers_.contexts(tokens);
  attention.context_tokens_max = context_tokens_;
  attention.q_heads = a_.heads;
  attention.kv_heads = a_.kv_heads;
  attention.head_dim = a_.head_dim;
  attention.scale = 1.0F / std::sqrt(static_cast<float>(a_.head_dim));
  attention.window_tokens = config_.layers[layer].window_tokens;
  device_.launch(compute, attention, layer);
  const AttentionWeights& weights = weights_.layer(layer).attention;
  linear(weights.o, weights.o_bias, buffers_.attended(tokens), buffers_.hidden(tokens), true, layer, tokens,
         compute);
  norm(weights_.layer(layer).post_attention_norm, buffers_.hidden(tokens), buffers_.normed(tokens), tokens,
       layer, compute);
}

/// Queries, keys and values of the step's tokens, normed where the family does, and rotated.
void LiveModel::project_heads(std::uint32_t layer, std::uint32_t tokens, StreamId compute) {
  const DecoderLayerWeights& weights = weights_.layer(layer);
  const AttentionWeights& attention = weights.attention;
  const BufferView input = buffers_.normed(tokens);
  norm(weights.input_norm, buffers_.hidden(tokens), input, tokens, layer, compute);
  linear(attention.q, attention.q_bias, input, buffers_.q(tokens), false, layer, tokens, compute);
  linear(attention.k, attention.k_bias, input, buffers_.k(tokens), false, layer, tokens, compute);
  linear(attention.v, attention.v_bias, input, buffers_.v(tokens), false, layer, tokens, compute);
  // A norm over all heads has one row a token, a norm of each head as many as there are heads.
  if (attention.q_norm.size != 0) {
    const std::uint32_t q_rows = a_.heads * a_.head_dim / attention.q_norm.size;
    const std::uint32_t k_rows = a_.kv_heads * a_.head_dim / attention.k_norm.size;
    norm(attention.q_norm, buffers_.q(tokens), buffers_.q(tokens), tokens * q_rows, layer, compute);
    norm(attention.k_norm, buffers_.k(tokens), buffers_.k(tokens), tokens * k_rows, layer, compute);
  }
  rotate(buffers_.q(tokens), a_.heads, layer, tokens, compute);
  rotate(buffers_.k(tokens), a_.kv_heads, layer, tokens, compute);
}

void LiveModel::run_dense_ffn(std::uint32_t layer, std::uint32_t tokens, StreamId compute) {
  run_ffn(weights_.layer(layer).dense, buffers_.hidden(tokens), true, layer, tokens, compute);
}

void LiveModel::route(std::uint32_t layer, std::uint32_t tokens, StreamId compute) {
  linear(weights_.layer(layer).router, {}, buffers_.normed(tokens), buffers_.router_logits(tokens), false,
         layer, tokens, compute);
  RouteOp op;
  op.logits = buffers_.router_logits(tokens);
  op.ids = buffers_.choices(tokens);
  op.weights = buffers_.weights(tokens);
  op.rule = router_rule(config_);
  op.tokens = tokens;
  device_.launch(compute, op, layer);
  device_.copy(compute, buffers_.host_choices(tokens), buffers_.choices(tokens), layer);
  if (sink_ == nullptr) return;
  if (sink_->wants_weights())
    device_.copy(compute, buffers_.host_weights(tokens), buffers_.weights(tokens), layer);
  if (options_.records_hidden)
    device_.copy(compute, buffers_.host_normed(tokens), buffers_.normed(tokens), layer);
}

/// How many products route_ahead() makes at this layer.
std::uint32_t LiveModel::routers_behind(LayerId layer) const noexcept {
  if (kind_ != StepKind::decode) return 0;
  const auto to_come = static_cast<std::uint32_t>(moe_layers_.size()) - 1 - layer.value;
  return std::min(options_.routers_ahead, to_come) + (options_.router_again ? 1 : 0);
}

/// What the routers of coming layers say of this one's input: a guess of what they will, for what the layers
/// between add to it is small. In the host's hands as soon as the choice is.
void LiveModel::route_ahead(LayerId layer, std::uint32_t tokens, StreamId compute) {
  const std::uint32_t routers = routers_behind(layer);
  if (routers == 0) return;
  const std::uint32_t first = options_.router_again ? 0 : 1;
  const std::uint32_t tag = moe_layers_[layer.index()];
  for (std::uint32_t r = 0; r < routers; ++r) {
    linear(moe_layer(LayerId{layer.value + first + r}).router, {}, buffers_.normed(tokens),
           buffers_.ahead_logits.from(r * tokens, tokens), false, tag, tokens, compute);
  }
  device_.copy(compute, buffers_.host_ahead_logits(routers * tokens), buffers_.ahead_logits(routers * tokens),
               tag);
}

LogitsAhead LiveModel::logits_ahead(LayerId layer, std::uint32_t tokens) {
  const std::uint32_t routers = routers_behind(layer);
  if (routers == 0) return {};
  LogitsAhead logits;
  logits.values = host_values<float>(device_, buffers_.host_ahead_logits(routers * tokens));
  logits.first = options_.router_again ? 0 : 1;
  logits.tokens = tokens;
  logits.experts = a_.experts;
  return logits;
}

void LiveModel::read_routing(LayerId layer, std::span<const StepToken> tokens, std::span<ExpertId> chosen) {
  const auto count = static_cast<std::uint32_t>(tokens.size());
  const auto ids = host_values<std::uint32_t>(device_, buffers_.host_choices(count));
  for (std::size_t c = 0; c < chosen.size(); ++c) {
    if (ids[c] >= a_.experts) {
      throw Error(ErrorCode::check_failed,
                  fmt::format("layer {}: the router chose expert {}, expected one of {}", layer.value, ids[c],
                              a_.experts));
    }
    chosen[c] = ExpertId{ids[c]};
  }
  if (sink_ == nullptr) return;
  RoutedLayer routed;
  routed.layer = layer;
  routed.kind = kind_;
  routed.tokens = tokens;
  routed.chosen = chosen;
  if (sink_->wants_weights()) routed.weights = host_values<float>(device_, buffers_.host_weights(count));
  if (options_.records_hidden) routed.hidden = host_values<float>(device_, buffers_.host_normed(count));
  routed.ahead = logits_ahead(layer, count);
  sink_->on_layer(routed);
}

/// The shared expert needs no copy: it runs while those of the missing experts are on their way.
void LiveModel::launch_beside(LayerId layer, std::uint32_t tokens, StreamId compute) {
  const DecoderLayerWeights& weights = moe_layer(layer);
  if (weights.shared.gate.rows == 0) return;
  const std::uint32_t tag = moe_layers_[layer.index()];
  run_ffn(weights.shared, buffers_.shared(tokens), false, tag, tokens, compute);
  if (weights.shared_gate.rows == 0) return;
  linear(weights.shared_gate, {}, buffers_.normed(tokens), buffers_.shared_gate(tokens), false, tag, tokens,
         compute);
}

ExpertOp LiveModel::expert(std::uint32_t, std::uint32_t first_output, std::uint32_t rows) const {
  ExpertOp op;
  op.hidden =
      buffers_.normed(options_.tokens_max);  // a device's workspace is of the longest pass from the start
  op.output = buffers_.outputs.from(first_output, rows);
  op.hidden_size = a_.hidden_size;
  op.flops = workload_.expert_flops_per_token * rows;
  op.layout = &expert_layout_;
  op.activation = activation_;
  return op;
}

void LiveModel::launch_combine(LayerId layer, std::span<const std::uint32_t> slots, std::uint32_t tokens,
                               StreamId compute) {
  const DecoderLayerWeights& weights = moe_layer(layer);
  MixOp op;
  op.hidden = buffers_.hidden(tokens);
  op.outputs = buffers_.outputs(std::uint64_t{tokens} * a_.top_k);
  op.weights = buffers_.weights(tokens);
  if (weights.shared.gate.rows != 0) op.shared = buffers_.shared(tokens);
  if (weights.shared_gate.rows != 0) op.shared_gate = buffers_.shared_gate(tokens);
  op.slots = slots;
  op.tokens = tokens;
  op.top_k = a_.top_k;
  op.hidden_size = a_.hidden_size;
  device_.launch(compute, op, moe_layers_[layer.index()]);
}

void LiveModel::end(std::span<const StepToken>, StreamId compute) {
  run_layers_before(a_.layers, step_tokens_, compute);
  if (logit_rows_ == 0) return;
  const BufferView last = buffers_.hidden.from(step_tokens_ - logit_rows_, logit_rows_);
  const BufferView normed = buffers_.normed(logit_rows_);
  norm(weights_.final_norm(), last, normed, logit_rows_, a_.layers, compute);
  linear(weights_.lm_head(), {}, normed, buffers_.logits(logit_rows_), false, a_.layers, logit_rows_,
         compute);
  device_.copy(compute, buffers_.host_logits(logit_rows_), buffers_.logits(logit_rows_), a_.layers);
}

std::uint64_t LiveModel::outputs_checksum(std::uint32_t) {
  return kernels::checksum(std::as_bytes(logits()));
}

std::uint64_t LiveModel::device_bytes() const noexcept {
  return weights_.bytes() + kv_.bytes() + buffers_.device_bytes();
}

void LiveModel::run_ffn(const FfnWeights& ffn, BufferView output, bool accumulate, std::uint32_t layer,
                        std::uint32_t tokens, StreamId compute) {
  const std::uint64_t values = std::uint64_t{tokens} * ffn.gate.rows;
  // Rows of this width lie one behind the other, whatever the widest network of the model is.
  const BufferView gate = buffers_.ffn_gate(tokens).slice(0, values * sizeof(float));
  const BufferView up = buffers_.ffn_up(tokens).slice(0, values * sizeof(float));
  linear(ffn.gate, {}, buffers_.normed(tokens), gate, false, layer, tokens, compute);
  linear(ffn.up, {}, buffers_.normed(tokens), up, false, layer, tokens, compute);
  ActivateOp op;
  op.gate = gate;
  op.up = up;
  op.activation = activation_;
  op.values = values;
  device_.launch(compute, op, layer);
  linear(ffn.down, {}, gate, output, accumulate, layer, tokens, compute);
}

void LiveModel::norm(const WeightVector& weight, BufferView input, BufferView output, std::uint32_t rows,
                     std::uint32_t layer, StreamId compute) {
  NormOp op;
  op.input = input;
  op.output = output;
  op.weight = weight.data;
  op.format = weight.format;
  op.rows = rows;
  op.columns = weight.size;
  op.epsilon = static_cast<float>(config_.norm_epsilon);
  device_.launch(compute, op, layer);
}

void LiveModel::linear(const WeightMatrix& weights, BufferView bias, BufferView input, BufferView output,
                       bool accumulate, std::uint32_t layer, std::uint32_t tokens, StreamId compute) {
  LinearOp op;
  op.weights = weights;
  op.bias = bias;
  op.input = input;
  op.output = output;
  op.tokens = tokens;
  op.accumulate = accumulate;
  device_.launch(compute, op, layer);
}

void LiveModel::rotate(BufferView values, std::uint32_t heads, std::uint32_t layer, std::uint32_t tokens,
                       StreamId compute) {
  RotaryOp op;
  op.values = values;
  op.table = buffers_.rotary(kv_.shape().context_tokens);
  op.positions = buffers_.positions(tokens);
  op.tokens = tokens;
  op.heads = heads;
  op.head_dim = a_.head_dim;
  device_.launch(compute, op, layer);
}

}  // namespace prophet
