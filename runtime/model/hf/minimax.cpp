#include <fmt/format.h>

#include <algorithm>

#include "prophet/limits.hpp"
#include "runtime/model/hf/families.hpp"
#include "runtime/model/hf/layers.hpp"
#include "runtime/model/hf/parts.hpp"

namespace prophet::hf {
namespace {

/// attn_type_list: 1 a layer with softmax attention, 0 one with lightning attention.
void read_attention_types(const JsonFields& config, Architecture& a) {
  constexpr std::string_view field = "attn_type_list";
  if (!config.has(field)) return;
  const auto types = config.counts(field, 1);
  if (types.size() != a.layers) config.refuse(field, fmt::format("{} numbers, one a layer", a.layers));
  a.recurrent_layers = static_cast<std::uint32_t>(std::count(types.begin(), types.end(), 0U));
}

void read_minimax(const JsonFields& config, Architecture& a) {
  read_sizes(config, a);
  read_heads(config, a);
  const auto experts = config.first_of({"num_local_experts", "num_experts"});
  read_experts(config, {experts, "num_experts_per_tok", "intermediate_size"}, a);
}

}  // namespace

void read_minimax_text(const JsonFields& config, Architecture& a) {
  read_minimax(config, a);
  if (!read_layer_types(config, "sliding_window", a)) read_attention_types(config, a);
  if (a.recurrent_layers > 0) a.recurrence = Recurrence::lightning;
  a.shared_width = config.count_or("shared_intermediate_size", 0, limits::ffn_width_max, 0);
}

void read_minimax_m2(const JsonFields& config, Architecture& a) {
  read_minimax(config, a);
  a.router_bias = config.flag_or("use_routing_bias", true);
  a.qk_norm = config.flag_or("use_qk_norm", true) ? QkNorm::all_heads : QkNorm::none;
}

}  // namespace prophet::hf
