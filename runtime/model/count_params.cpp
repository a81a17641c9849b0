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

/// Parameters by what tensor parallelism does with them.
struct Split {
  Params divided;     ///< by heads, by the width of a feed-forward, by vocabulary
  Params by_kv_head;  ///< likewise, but a GPU has one KV head at least
  Params repeated;    ///< on every GPU
  [[nodiscard]] std::uint64_t value() const { return (divided + by_kv_head + repeated).value(); }
  friend Split operator+(Split a, Split b) {
    return {a.divided + b.divided, a.by_kv_head + b.by_kv_head, a.repeated + b.repeated};
  }
  friend Split operator*(Params count, Split each) {
    return {count * each.divided, count * each.by_kv_head, count * each.repeated};
  }
};

Split divided(Params params) {
  return {params, 0, 0};
}

Split repeated(Params params) {
  return {0, 0, params};
}

Split grouped_attention(const Architecture& a) {
  const Params q = Params(a.heads) * a.head_dim;
  const Params kv = Params(a.kv_heads) * a.head_dim;
  Split total{Params(2) * a.hidden_size * q + when(a.qkv_bias, q),
              Params(2) * a.hidden_size * kv + when(a.qkv_bias, Params(2) * kv),
              when(a.output_bias, a.hidden_size)};
  if (a.qk_norm == QkNorm::per_head) total = total + repeated(Params(2) * a.head_dim);
  if (a.qk_norm == QkNorm::all_heads) total = total + repeated(q + kv);
  return total;
}

Split latent_attention(const Architecture& a) {
  const Params q = Params(a.heads) * (Params(a.qk_nope_head_dim) + a.qk_rope_head_dim);
  const Params from = a.q_lora_rank > 0 ? Params(a.q_lora_rank) : Params(a.hidden_size);
  Split total = divided(from * q);
  if (a.q_lora_rank > 0) total = total + repeated(Params(a.hidden_size) * a.q_lora_rank + a.q_lora_rank);
  const Params down = Params(a.kv_lora_rank) + a.qk_rope_head_dim;
  const Params up = Params(a.heads) * (Params(a.qk_nope_head_dim) + a.v_head_dim);
  total = total + repeated(Params(a.hidden_size) * down + a.kv_lora_rank);
  total = total + divided(Params(a.kv_lora_rank) * up + Params(a.heads) * a.v_head_dim * a.hidden_size);
  return total + repeated(when(a.qkv_bias, down + a.q_lora_rank) + when(a.output_bias, a.hidden_size));
}

Split attention(const Architecture& a) {
  const Split one = a.kv_lora_rank > 0 ? latent_attention(a) : grouped_attention(a);
  const Params blocks = Params(a.layers - a.recurrent_layers) + a.decoder_layers;
  const Params stacks = a.decoder_layers > 0 ? 2 : 1;
  return blocks * (one + divided(when(a.attention_sinks, a.heads))) +
         divided(stacks * a.relative_buckets * a.heads);
}

/// Gu and Dao 2023, with the norms on dt, B and C of Jamba (Lieber et al. 2024).
Split mamba(const Architecture& a) {
  const Params inner = Params(a.mamba_expand) * a.hidden_size;
  const Params state = a.mamba_d_state;
  const Params rank = a.mamba_dt_rank;
  const Params in_out = Params(3) * a.hidden_size * inner;
  const Params convolution = inner * a.mamba_d_conv + inner;
  const Params selection = inner * (rank + Params(2) * state) + rank * inner + inner;
  return divided(in_out + convolution + selection + inner * state + inner) +
         repeated(rank + Params(2) * state);
}

/// MiniMax-01 (2025): Q, K, V, an output gate and O of all heads, and one norm over them.
Split lightning(const Architecture& a) {
  const Params width = Params(a.heads) * a.head_dim;
  return divided(Params(5) * a.hidden_size * width) + repeated(width);
}

Split recurrence(const Architecture& a) {
  if (a.recurrence == Recurrence::mamba) return Params(a.recurrent_layers) * mamba(a);
  if (a.recurrence == Recurrence::lightning) return Params(a.recurrent_layers) * lightning(a);
  return {0, 0, 0};
}

Params feed_forward(const Architecture& a, std::uint32_t width) {
  return Params(a.expert_matrices) * a.hidden_size * width;
}

Split feed_forwards(const Architecture& a) {
  const Params router = Params(a.hidden_size) * a.experts + when(a.router_bias, a.experts);
  const Params gate = when(a.shared_gate, a.hidden_size);
  const Params beside = feed_forward(a, a.shared_width) + feed_forward(a, a.residual_width);
  return Params(a.moe_layers) * (divided(beside) + repeated(router + gate)) +
         divided(Params(a.layers - a.moe_layers) * feed_forward(a, a.dense_width));
}

Split embeddings(const Architecture& a) {
  const Params one = Params(a.vocab_size) * a.hidden_size;
  return divided((a.tied_embeddings ? one : one + one) + when(a.lm_head_bias, a.vocab_size));
}

Split norms(const Architecture& a) {
  const Params stacks = a.decoder_layers > 0 ? 2 : 1;
  const Params count = Params(a.layers) * a.norms_per_layer + a.decoder_layers + stacks;
  return repeated(count * a.hidden_size * (a.norm_bias ? 2 : 1));
}

Split non_expert(const Architecture& a) {
  return embeddings(a) + attention(a) + recurrence(a) + feed_forwards(a) + norms(a);
}

}  // namespace

std::uint64_t count_non_expert_params(const Architecture& a) {
  return non_expert(a).value();
}

std::uint64_t count_kv_projection_params(const Architecture& a) {
  return non_expert(a).by_kv_head.value();
}

std::uint64_t count_repeated_params(const Architecture& a) {
  return non_expert(a).repeated.value();
}

std::uint64_t count_lookup_params(const Architecture& a) {
  return a.tied_embeddings ? 0 : (Params(a.vocab_size) * a.hidden_size).value();
}

std::uint64_t count_shared_expert_params(const Architecture& a) {
  return (Params(a.moe_layers) * feed_forward(a, a.shared_width)).value();
}

}  // namespace prophet
