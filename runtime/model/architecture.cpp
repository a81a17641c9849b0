#include "runtime/model/architecture.hpp"

#include <algorithm>

#include "runtime/base/checked.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet {
namespace {

KvLayers grouped_run(const Architecture& a, KvKind kind, std::uint32_t layers) {
  KvLayers run;
  run.kind = kind;
  run.layers = layers;
  run.kv_heads = a.kv_heads;
  run.head_dim = a.head_dim;
  if (kind == KvKind::sliding_window) run.window_tokens = a.window_tokens;
  return run;
}

KvLayers latent_run(const Architecture& a, std::uint32_t layers) {
  KvLayers run;
  run.kind = KvKind::latent;
  run.layers = layers;
  run.kv_lora_rank = a.kv_lora_rank;
  run.qk_rope_head_dim = a.qk_rope_head_dim;
  return run;
}

KvLayers recurrent_run(std::uint32_t layers) {
  KvLayers run;
  run.kind = KvKind::none;
  run.layers = layers;
  return run;
}

std::vector<KvLayers> kv_runs(const Architecture& a) {
  std::vector<KvLayers> runs;
  const auto causal = a.decoder_layers > 0 ? a.decoder_layers : a.layers;
  const auto full = causal - a.window_layers - a.recurrent_layers;
  if (full > 0) {
    runs.push_back(a.kv_lora_rank > 0 ? latent_run(a, full) : grouped_run(a, KvKind::grouped_query, full));
  }
  if (a.window_layers > 0) runs.push_back(grouped_run(a, KvKind::sliding_window, a.window_layers));
  if (a.recurrent_layers > 0) runs.push_back(recurrent_run(a.recurrent_layers));
  return runs;
}

std::uint64_t recurrent_state_values(const Architecture& a) {
  constexpr std::string_view what = "recurrent state of a sequence";
  std::uint64_t of_one_layer = 0;
  if (a.recurrence == Recurrence::mamba) {
    const auto inner = checked_mul(a.mamba_expand, a.hidden_size, what);
    of_one_layer = checked_mul(inner, checked_add(a.mamba_d_state, a.mamba_d_conv, what), what);
  } else if (a.recurrence == Recurrence::lightning) {
    of_one_layer = checked_mul(checked_mul(a.heads, a.head_dim, what), a.head_dim, what);
  }
  return checked_mul(of_one_layer, a.recurrent_layers, what);
}

}  // namespace

ModelShape shape_of(const Architecture& a) {
  ModelShape shape;
  shape.name = a.name;
  shape.source = a.source;
  shape.grid = ExpertGrid{a.moe_layers, a.experts};
  shape.top_k = a.top_k;
  shape.layers = a.layers;
  shape.hidden_size = a.hidden_size;
  shape.heads = a.heads;
  shape.expert_width = a.expert_width;
  shape.expert_matrices = a.expert_matrices;
  if (a.expert_biases) shape.expert_bias_params = (a.expert_matrices - 1) * a.expert_width + a.hidden_size;
  shape.expert_dtype = a.expert_dtype;
  shape.dtype = a.dtype;
  shape.non_expert_params = count_non_expert_params(a);
  shape.kv_projection_params = count_kv_projection_params(a);
  shape.repeated_params = count_repeated_params(a);
  shape.lookup_params = count_lookup_params(a);
  shape.shared_expert_params = count_shared_expert_params(a);
  shape.recurrent_state_values = recurrent_state_values(a);
  shape.context_tokens = a.context_tokens;
  shape.vocab_size = a.vocab_size;
  shape.query_values = a.heads * (a.kv_lora_rank > 0 ? a.kv_lora_rank + a.qk_rope_head_dim : a.head_dim);
  shape.ffn_width = std::max({a.dense_width, a.shared_width, a.residual_width});
  shape.kv = kv_runs(a);
  static_cast<void>(total_params(shape));
  static_cast<void>(expert_bytes(shape, shape.expert_dtype));
  static_cast<void>(expert_bytes(shape, Dtype::bf16));
  return shape;
}

}  // namespace prophet
