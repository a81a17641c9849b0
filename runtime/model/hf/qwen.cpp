#include <fmt/format.h>

#include <algorithm>

#include "prophet/limits.hpp"
#include "runtime/model/hf/families.hpp"
#include "runtime/model/hf/layers.hpp"
#include "runtime/model/hf/parts.hpp"

/// Qwen2-MoE and Qwen3-MoE: mlp_only_layers and decoder_sparse_step say which layers are dense.
namespace prophet::hf {
namespace {

std::vector<std::uint32_t> mlp_only_layers(const JsonFields& config, const Architecture& a) {
  if (!config.has("mlp_only_layers")) return {};
  auto layers = config.counts("mlp_only_layers", a.layers - 1);
  std::sort(layers.begin(), layers.end());
  return layers;
}

void read_moe_layers(const JsonFields& config, Architecture& a) {
  const auto is_moe = qwen_moe_layers(config, a);
  const auto moe_layers = count_layers(a.layers, [&](std::uint32_t layer) { return is_moe[layer]; });
  set_moe_layers(config, config.first_of({"decoder_sparse_step", "mlp_only_layers"}), moe_layers, a);
  read_dense_width(config, "intermediate_size", a);
}

void read_windows(const JsonFields& config, Architecture& a) {
  if (read_layer_types(config, "sliding_window", a) || !config.flag_or("use_sliding_window", false)) return;
  if (!config.has("sliding_window")) return;
  const auto full_layers = config.count_or("max_window_layers", 0, limits::layers_max, 0);
  const auto windows = a.layers - std::min(full_layers, a.layers);
  set_window(windows, config.count("sliding_window", 1, limits::context_tokens_max), a);
}

void read_qwen_moe(const JsonFields& config, Architecture& a) {
  read_sizes(config, a);
  read_heads(config, a);
  read_experts(
      config,
      {config.first_of({"num_experts", "num_local_experts"}), "num_experts_per_tok", "moe_intermediate_size"},
      a);
  read_moe_layers(config, a);
  read_windows(config, a);
}

}  // namespace

std::vector<bool> qwen_moe_layers(const JsonFields& config, const Architecture& a) {
  const auto step = config.count_or("decoder_sparse_step", 1, limits::layers_max, 1);
  const auto dense = mlp_only_layers(config, a);
  std::vector<bool> is_moe(a.layers);
  for (std::uint32_t layer = 0; layer < a.layers; ++layer) {
    is_moe[layer] = (layer + 1) % step == 0 && !std::binary_search(dense.begin(), dense.end(), layer);
  }
  return is_moe;
}

void read_qwen2_moe(const JsonFields& config, Architecture& a) {
  read_qwen_moe(config, a);
  a.shared_width = config.count("shared_expert_intermediate_size", 0, limits::ffn_width_max);
  a.shared_gate = a.shared_width > 0;
  a.qkv_bias = config.flag_or("qkv_bias", true);
}

void read_qwen3_moe(const JsonFields& config, Architecture& a) {
  read_qwen_moe(config, a);
  read_attention_bias(config, a);
  a.qk_norm = QkNorm::per_head;
}

}  // namespace prophet::hf
