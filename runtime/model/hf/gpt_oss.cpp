#include "prophet/limits.hpp"
#include "runtime/model/hf/families.hpp"
#include "runtime/model/hf/layers.hpp"
#include "runtime/model/hf/parts.hpp"

namespace prophet::hf {

void read_gpt_oss(const JsonFields& config, Architecture& a) {
  read_sizes(config, a);
  read_heads(config, a);
  read_experts(config,
               {config.first_of({"num_local_experts", "num_experts"}),
                config.first_of({"num_experts_per_tok", "experts_per_token"}), "intermediate_size"},
               a);
  a.expert_biases = true;
  a.router_bias = true;
  a.attention_sinks = true;
  a.qkv_bias = config.flag_or("attention_bias", true);
  a.output_bias = a.qkv_bias;
  if (!read_layer_types(config, "sliding_window", a) && config.has("sliding_window")) {
    const auto windows = count_layers(a.layers, [](std::uint32_t layer) { return layer % 2 == 0; });
    set_window(windows, config.count("sliding_window", 1, limits::context_tokens_max), a);
  }
}

}  // namespace prophet::hf
