#include "runtime/model/decoder_tensors.hpp"

#include <fmt/format.h>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

/// What the families call the parts of a layer with experts.
struct Spelling {
  std::string_view block;
  std::string_view gate;
  std::string_view up;
  std::string_view down;
};

constexpr Spelling mixtral_spelling{"block_sparse_moe", "w1", "w3", "w2"};
constexpr Spelling usual_spelling{"mlp", "gate_proj", "up_proj", "down_proj"};

FeedForwardTensors feed_forward(const std::string& prefix, const Spelling& spelling, std::uint64_t hidden,
                                std::uint64_t width) {
  return {{fmt::format("{}.{}.weight", prefix, spelling.gate), {width, hidden}},
          {fmt::format("{}.{}.weight", prefix, spelling.up), {width, hidden}},
          {fmt::format("{}.{}.weight", prefix, spelling.down), {hidden, width}}};
}

AttentionTensors attention(const std::string& layer, const Architecture& a) {
  const std::uint64_t q = std::uint64_t{a.heads} * a.head_dim;
  const std::uint64_t kv = std::uint64_t{a.kv_heads} * a.head_dim;
  const auto named = [&](std::string_view part) { return fmt::format("{}.self_attn.{}", layer, part); };
  AttentionTensors tensors;
  tensors.q = {named("q_proj.weight"), {q, a.hidden_size}};
  tensors.k = {named("k_proj.weight"), {kv, a.hidden_size}};
  tensors.v = {named("v_proj.weight"), {kv, a.hidden_size}};
  tensors.o = {named("o_proj.weight"), {a.hidden_size, q}};
  if (a.qkv_bias) {
    tensors.q_bias = NamedTensor{named("q_proj.bias"), {q}};
    tensors.k_bias = NamedTensor{named("k_proj.bias"), {kv}};
    tensors.v_bias = NamedTensor{named("v_proj.bias"), {kv}};
  }
  if (a.output_bias) tensors.o_bias = NamedTensor{named("o_proj.bias"), {a.hidden_size}};
  if (a.qk_norm != QkNorm::none) {
    const bool per_head = a.qk_norm == QkNorm::per_head;
    tensors.q_norm = NamedTensor{named("q_norm.weight"), {per_head ? a.head_dim : q}};
    tensors.k_norm = NamedTensor{named("k_norm.weight"), {per_head ? a.head_dim : kv}};
  }
  return tensors;
}

void add_experts(const std::string& layer, const DecoderConfig& config, LayerTensors& tensors) {
  const auto& a = config.architecture;
  const auto& spelling = config.family == DecoderFamily::mixtral ? mixtral_spelling : usual_spelling;
  const auto block = fmt::format("{}.{}", layer, spelling.block);
  tensors.router = NamedTensor{block + ".gate.weight", {a.experts, a.hidden_size}};
  tensors.experts.reserve(a.experts);
  for (std::uint32_t expert = 0; expert < a.experts; ++expert) {
    tensors.experts.push_back(
        feed_forward(fmt::format("{}.experts.{}", block, expert), spelling, a.hidden_size, a.expert_width));
  }
  if (a.shared_width == 0) return;
  tensors.shared = feed_forward(block + ".shared_expert", spelling, a.hidden_size, a.shared_width);
  if (a.shared_gate)
    tensors.shared_gate = NamedTensor{block + ".shared_expert_gate.weight", {1, a.hidden_size}};
}

LayerTensors layer_tensors(std::size_t number, const DecoderConfig& config) {
  const auto& a = config.architecture;
  const auto layer = fmt::format("model.layers.{}", number);
  LayerTensors tensors;
  tensors.input_norm = {layer + ".input_layernorm.weight", {a.hidden_size}};
  tensors.post_attention_norm = {layer + ".post_attention_layernorm.weight", {a.hidden_size}};
  tensors.attention = attention(layer, a);
  if (config.layers[number].moe_layer) {
    add_experts(layer, config, tensors);
  } else {
    tensors.dense = feed_forward(layer + ".mlp", usual_spelling, a.hidden_size, a.dense_width);
  }
  return tensors;
}

void check_count(const DecoderConfig& config) {
  constexpr std::uint64_t others_of_a_layer_max = 17;
  const auto& a = config.architecture;
  const auto count = std::uint64_t{3} * a.moe_layers * a.experts + others_of_a_layer_max * a.layers + 3;
  if (count <= limits::tensors_max) return;
  throw Error(ErrorCode::bad_input,
              fmt::format("'{}': {} layers of {} experts have some {} tensors; expected at most {}", a.source,
                          a.moe_layers, a.experts, count, limits::tensors_max));
}

/// Collects the requirements, in the order of the forward pass.
class Collector {
 public:
  explicit Collector(std::span<const TensorDtype> dtypes) : dtypes_(dtypes.begin(), dtypes.end()) {}

  void add(const NamedTensor& tensor) { needed_.push_back({tensor.name, tensor.shape, dtypes_}); }
  void add(const std::optional<NamedTensor>& tensor) {
    if (tensor) add(*tensor);
  }
  void add(const FeedForwardTensors& tensors) {
    add(tensors.gate);
    add(tensors.up);
    add(tensors.down);
  }
  void add(const AttentionTensors& tensors) {
    for (const auto* part : {&tensors.q, &tensors.k, &tensors.v, &tensors.o}) add(*part);
    for (const auto* part : {&tensors.q_bias, &tensors.k_bias, &tensors.v_bias, &tensors.o_bias,
                             &tensors.q_norm, &tensors.k_norm}) {
      add(*part);
    }
  }
  void add(const LayerTensors& tensors) {
    add(tensors.input_norm);
    add(tensors.attention);
    add(tensors.post_attention_norm);
    add(tensors.router);
    for (const auto& expert : tensors.experts) add(expert);
    if (tensors.shared) add(*tensors.shared);
    add(tensors.shared_gate);
    if (tensors.dense) add(*tensors.dense);
  }
  [[nodiscard]] std::vector<TensorRequirement> take() { return std::move(needed_); }

 private:
  std::vector<TensorDtype> dtypes_;
  std::vector<TensorRequirement> needed_;
};

}  // namespace

DecoderTensors tensor_names(const DecoderConfig& config) {
  check_count(config);
  const auto& a = config.architecture;
  DecoderTensors tensors;
  tensors.embeddings = {"model.embed_tokens.weight", {a.vocab_size, a.hidden_size}};
  tensors.layers.reserve(config.layers.size());
  for (std::size_t layer = 0; layer < config.layers.size(); ++layer) {
    tensors.layers.push_back(layer_tensors(layer, config));
  }
  tensors.norm = {"model.norm.weight", {a.hidden_size}};
  if (!a.tied_embeddings) tensors.head = NamedTensor{"lm_head.weight", {a.vocab_size, a.hidden_size}};
  return tensors;
}

std::vector<TensorRequirement> requirements(const DecoderTensors& tensors,
                                            std::span<const TensorDtype> dtypes) {
  Collector collector(dtypes);
  collector.add(tensors.embeddings);
  for (const auto& layer : tensors.layers) collector.add(layer);
  collector.add(tensors.norm);
  collector.add(tensors.head);
  return collector.take();
}

}  // namespace prophet
