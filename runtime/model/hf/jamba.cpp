#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/model/hf/families.hpp"
#include "runtime/model/hf/layers.hpp"
#include "runtime/model/hf/parts.hpp"

namespace prophet::hf {
namespace {

struct Periodic {
  std::string_view period;
  std::string_view offset;
};

std::uint32_t periodic_layers(const JsonFields& config, const Periodic& fields, const Architecture& a) {
  const auto period = config.count(fields.period, 1, a.layers);
  const auto offset = config.count(fields.offset, 0, period - 1);
  return count_layers(a.layers, [&](std::uint32_t layer) { return layer % period == offset; });
}

std::uint32_t dt_rank(const JsonFields& config, const Architecture& a) {
  const auto automatic = static_cast<std::uint32_t>(ceil_div(a.hidden_size, 16));
  if (!config.has("mamba_dt_rank") || config.is_text("mamba_dt_rank", "auto")) return automatic;
  return config.count("mamba_dt_rank", 1, limits::lora_rank_max);
}

void read_mamba(const JsonFields& config, Architecture& a) {
  a.recurrence = Recurrence::mamba;
  a.mamba_d_state = config.count_or("mamba_d_state", 1, limits::head_dim_max, 16);
  a.mamba_d_conv = config.count_or("mamba_d_conv", 1, limits::head_dim_max, 4);
  a.mamba_expand = config.count_or("mamba_expand", 1, limits::head_dim_max, 2);
  a.mamba_dt_rank = dt_rank(config, a);
}

}  // namespace

void read_jamba(const JsonFields& config, Architecture& a) {
  read_sizes(config, a);
  read_heads(config, a);
  read_experts(config, {"num_experts", "num_experts_per_tok", "intermediate_size"}, a);
  const auto moe_layers = periodic_layers(config, {"expert_layer_period", "expert_layer_offset"}, a);
  set_moe_layers(config, "expert_layer_offset", moe_layers, a);
  read_dense_width(config, "intermediate_size", a);
  a.recurrent_layers = a.layers - periodic_layers(config, {"attn_layer_period", "attn_layer_offset"}, a);
  if (a.recurrent_layers > 0) read_mamba(config, a);
}

}  // namespace prophet::hf
