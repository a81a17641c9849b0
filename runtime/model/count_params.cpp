#include "prophet/error.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/model/architecture.hpp"

namespace prophet {
namespace {

/// A count of parameters whose arithmetic is checked.
class Params {
 public:
  Params(std::uint64_t value = 0) : value_(value) {}  // NOLINT: a plain number is a count
  [[nodiscard]] std::uint64_t value() const { return value_; }
  friend Params operator+(Params a, Params b) {
    return checked_add(a.value_, b.value_, "parameters of the model");
  }
  friend Params operator*(Params a, Params b) {
    return checked_mul(a.value_, b.value_, "parameters of the model");
  }

 private:
  std::uint64_t value_;
};

Params when(bool flag, Params params) {
  return flag ? params : Params(0);
}

Params grouped_attention(const Architecture& a) {
  const Params q = Params(a.heads) * a.head_dim;
  const Params kv = Params(a.kv_heads) * a.head_dim;
  Params total = Params(2) * a.hidden_size * q + Params(2) * a.hidden_size * kv;
  total = total + when(a.qkv_bias, q + Params(2) * kv) + when(a.output_bias, a.hidden_size);
  if (a.qk_norm == QkNorm::per_head) total = total + Params(2) * a.head_dim;
  if (a.qk_norm == QkNorm::all_heads) total = total + q + kv;
  return total;
}

Params latent_attention(const Architecture& a) {
  const Params q = Params(a.heads) * (Params(a.qk_nope_head_dim) + a.qk_rope_head_dim);
  const Params from = a.q_lora_rank > 0 ? Params(a.q_lora_rank) : Params(a.hidden_size);
  Params total = from * q;
  if (a.q_lora_rank > 0) total = total + Params(a.hidden_size) * a.q_lora_rank + a.q_lora_rank;
  const Params down = Params(a.kv_lora_rank) + a.qk_rope_head_dim;
  const Params up = Params(a.heads) * (Params(a.qk_nope_head_dim) + a.v_head_dim);
  total = total + Params(a.hidden_size) * down + a.kv_lora_rank + Params(a.kv_lora_rank) * up;
  total = total + Params(a.heads) * a.v_head_dim * a.hidden_size;
  return total + when(a.qkv_bias, down + a.q_lora_rank) + when(a.output_bias, a.hidden_size);
}

Params attention(const Architecture& a) {
  const Params one = a.kv_lora_rank > 0 ? latent_attention(a) : grouped_attention(a);
  const Params blocks = Params(a.layers - a.recurrent_layers) + a.decoder_layers;
  const Params stacks = a.decoder_layers > 0 ? 2 : 1;
  return blocks * (one + when(a.attention_sinks, a.heads)) + stacks * a.relative_buckets * a.heads;
}

/// Gu and Dao 2023, with the norms on dt, B and C of Jamba (Lieber et al. 2024).
Params mamba(const Architecture& a) {
  const Params inner = Params(a.mamba_expand) * a.hidden_size;
  const Params state = a.mamba_d_state;
  const Params rank = a.mamba_dt_rank;
  const Params in_out = Params(3) * a.hidden_size * inner;
  const Params convolution = inner * a.mamba_d_conv + inner;
  const Params selection = inner * (rank + Params(2) * state) + rank * inner + inner;
  return in_out + convolution + selection + inner * state + inner + rank + Params(2) * state;
}

/// MiniMax-01 (2025): Q, K, V, an output gate and O of all heads, and one norm over them.
Params lightning(const Architecture& a) {
  const Params width = Params(a.heads) * a.head_dim;
  return Params(5) * a.hidden_size * width + width;
}

Params recurrence(const Architecture& a) {
  if (a.recurrence == Recurrence::mamba) return Params(a.recurrent_layers) * mamba(a);
  if (a.recurrence == Recurrence::lightning) return Params(a.recurrent_layers) * lightning(a);
  return 0;
}

Params feed_forward(const Architecture& a, std::uint32_t width) {
  return Params(a.expert_matrices) * a.hidden_size * width;
}

Params feed_forwards(const Architecture& a) {
  const Params router = Params(a.hidden_size) * a.experts + when(a.router_bias, a.experts);
  const Params gate = when(a.shared_gate, a.hidden_size);
  const Params beside = router + gate + feed_forward(a, a.shared_width) + feed_forward(a, a.residual_width);
  return Params(a.moe_layers) * beside + Params(a.layers - a.moe_layers) * feed_forward(a, a.dense_width);
}

Params embeddings(const Architecture& a) {
  const Params one = Params(a.vocab_size) * a.hidden_size;
  return (a.tied_embeddings ? one : one + one) + when(a.lm_head_bias, a.vocab_size);
}

Params norms(const Architecture& a) {
  const Params stacks = a.decoder_layers > 0 ? 2 : 1;
  const Params count = Params(a.layers) * a.norms_per_layer + a.decoder_layers + stacks;
  return count * a.hidden_size * (a.norm_bias ? 2 : 1);
}

}  // namespace

std::uint64_t count_non_expert_params(const Architecture& a) {
  return (embeddings(a) + attention(a) + recurrence(a) + feed_forwards(a) + norms(a)).value();
}

std::uint64_t count_lookup_params(const Architecture& a) {
  return a.tied_embeddings ? 0 : (Params(a.vocab_size) * a.hidden_size).value();
}

std::uint64_t count_shared_expert_params(const Architecture& a) {
  return (Params(a.moe_layers) * feed_forward(a, a.shared_width)).value();
}

}  // namespace prophet
