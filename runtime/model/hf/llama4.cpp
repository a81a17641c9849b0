#include <fmt/format.h>

#include <algorithm>

#include "prophet/limits.hpp"
#include "runtime/model/hf/families.hpp"
#include "runtime/model/hf/layers.hpp"
#include "runtime/model/hf/parts.hpp"

/// Llama 4's text model. The vision tower of the multimodal checkpoints is not counted.
namespace prophet::hf {
namespace {

std::uint32_t listed_moe_layers(const JsonFields& config, const Architecture& a) {
  auto layers = config.counts("moe_layers", a.layers - 1);
  std::sort(layers.begin(), layers.end());
  return static_cast<std::uint32_t>(std::unique(layers.begin(), layers.end()) - layers.begin());
}

void read_moe_layers(const JsonFields& config, Architecture& a) {
  constexpr std::string_view step_field = "interleave_moe_layer_step";
  if (config.has("moe_layers")) {
    set_moe_layers(config, "moe_layers", listed_moe_layers(config, a), a);
  } else {
    const auto step = config.count_or(step_field, 1, limits::layers_max, 1);
    set_moe_layers(config, step_field, a.layers / step, a);
  }
  read_dense_width(config, "intermediate_size_mlp", a);
}

/// Layers with rotary positions attend within chunks; every fourth has neither, unless no_rope_layers says
/// more.
std::uint32_t chunked_layers(const JsonFields& config, const Architecture& a) {
  constexpr std::string_view field = "no_rope_layers";
  if (config.has(field)) {
    const auto rotary = config.counts(field, 1);
    if (!rotary.empty() && rotary.size() != a.layers)
      config.refuse(field, fmt::format("{} numbers, one a layer", a.layers));
    if (!rotary.empty()) return static_cast<std::uint32_t>(std::count(rotary.begin(), rotary.end(), 1U));
  }
  const auto every = config.count_or("no_rope_layer_interval", 1, limits::layers_max, 4);
  return a.layers - a.layers / every;
}

}  // namespace

void read_llama4(const JsonFields& config, Architecture& a) {
  read_sizes(config, a);
  read_heads(config, a);
  read_experts(config, {"num_local_experts", "num_experts_per_tok", "intermediate_size"}, a);
  read_moe_layers(config, a);
  read_attention_bias(config, a);
  a.shared_width = a.expert_width;
  if (!read_layer_types(config, "attention_chunk_size", a) && config.has("attention_chunk_size")) {
    set_window(chunked_layers(config, a), config.count("attention_chunk_size", 1, limits::context_tokens_max),
               a);
  }
}

}  // namespace prophet::hf
