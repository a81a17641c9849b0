#include "runtime/engine/live/live_buffers.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t value_bytes = 4;  // of fp32 and of u32

/// cos and sin of position * theta^(-2i / head_dim), each step rounded to fp32 as the models' own code
/// rounds it (transformers, modeling_rope_utils).
void write_rotary_table(std::span<float> table, std::uint32_t head_dim, double theta) {
  const std::size_t half = head_dim / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    const float frequency = 1.0F / std::pow(static_cast<float>(theta), exponent);
    for (std::size_t p = 0; p < table.size() / head_dim; ++p) {
      const float angle = static_cast<float>(p) * frequency;
      table[p * head_dim + i] = std::cos(angle);
      table[p * head_dim + half + i] = std::sin(angle);
    }
  }
}

std::span<float> host_floats(Device& device, BufferView view) {
  const std::span<std::byte> bytes = device.host_bytes(view);
  return {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)};
}

}  // namespace

LiveBuffers::Rows::Rows(Device& device, MemoryKind kind, std::uint64_t rows_max, std::uint64_t values)
    : row_bytes_(checked_mul(values, value_bytes, "activations")),
      buffer_(device, kind,
              std::max<std::uint64_t>(value_bytes, checked_mul(rows_max, row_bytes_, "activations"))) {}

LiveBuffers::LiveBuffers(Device& device, const DecoderConfig& config, const LiveSizes& sizes)
    : LiveBuffers(device, config.architecture, config.rope_theta, sizes) {}

LiveBuffers::LiveBuffers(Device& device, const Architecture& c, double rope_theta, const LiveSizes& sizes)
    : ids(device, MemoryKind::device, sizes.tokens_max, 1),
      positions(device, MemoryKind::device, sizes.tokens_max, 1),
      contexts(device, MemoryKind::device, sizes.tokens_max, 1),
      rows(device, MemoryKind::device, sizes.tokens_max, 1),
      block_table(device, MemoryKind::device, sizes.tokens_max, sizes.pages_max),
      host_ids(device, MemoryKind::host_pinned, sizes.tokens_max, 1),
      host_positions(device, MemoryKind::host_pinned, sizes.tokens_max, 1),
      host_contexts(device, MemoryKind::host_pinned, sizes.tokens_max, 1),
      host_block_table(device, MemoryKind::host_pinned, sizes.tokens_max, sizes.pages_max),
      hidden(device, MemoryKind::device, sizes.tokens_max, c.hidden_size),
      normed(device, MemoryKind::device, sizes.tokens_max, c.hidden_size),
      q(device, MemoryKind::device, sizes.tokens_max, std::uint64_t{c.heads} * c.head_dim),
      k(device, MemoryKind::device, sizes.tokens_max, std::uint64_t{c.kv_heads} * c.head_dim),
      v(device, MemoryKind::device, sizes.tokens_max, std::uint64_t{c.kv_heads} * c.head_dim),
      attended(device, MemoryKind::device, sizes.tokens_max, std::uint64_t{c.heads} * c.head_dim),
      router_logits(device, MemoryKind::device, sizes.tokens_max, c.experts),
      ahead_logits(device, MemoryKind::device, std::uint64_t{sizes.tokens_max} * sizes.routers_ahead,
                   c.experts),
      choices(device, MemoryKind::device, sizes.tokens_max, c.top_k),
      weights(device, MemoryKind::device, sizes.tokens_max, c.top_k),
      outputs(device, MemoryKind::device, std::uint64_t{sizes.tokens_max} * c.top_k, c.hidden_size),
      ffn_gate(device, MemoryKind::device, sizes.tokens_max, std::max(c.shared_width, c.dense_width)),
      ffn_up(device, MemoryKind::device, sizes.tokens_max, std::max(c.shared_width, c.dense_width)),
      shared(device, MemoryKind::device, c.shared_width == 0 ? 0 : sizes.tokens_max, c.hidden_size),
      shared_gate(device, MemoryKind::device, sizes.tokens_max, 1),
      logits(device, MemoryKind::device, sizes.logit_rows_max, c.vocab_size),
      rotary(device, MemoryKind::device, sizes.context_tokens, c.head_dim),
      host_choices(device, MemoryKind::host_pinned, sizes.tokens_max, c.top_k),
      host_weights(device, MemoryKind::host_pinned, sizes.tokens_max, c.top_k),
      host_ahead_logits(device, MemoryKind::host_pinned,
                        std::uint64_t{sizes.tokens_max} * sizes.routers_ahead, c.experts),
      host_normed(device, MemoryKind::host_pinned, sizes.hidden_to_host ? sizes.tokens_max : 0,
                  c.hidden_size),
      host_logits(device, MemoryKind::host_pinned, sizes.logit_rows_max, c.vocab_size) {
  const Rows table(device, MemoryKind::host_pinned, sizes.context_tokens, c.head_dim);
  const Rows numbers(device, MemoryKind::host_pinned, sizes.tokens_max, 1);
  write_rotary_table(host_floats(device, table(sizes.context_tokens)), c.head_dim, rope_theta);
  const std::span<std::byte> bytes = device.host_bytes(numbers(sizes.tokens_max));
  for (std::uint32_t t = 0; t < sizes.tokens_max; ++t)
    std::memcpy(bytes.data() + t * value_bytes, &t, value_bytes);
  const Stream stream(device, StreamRole::demand_copy);
  device.copy(stream.id(), rotary(sizes.context_tokens), table(sizes.context_tokens), 0);
  device.copy(stream.id(), rows(sizes.tokens_max), numbers(sizes.tokens_max), 0);
  device.synchronize();
}

std::uint64_t LiveBuffers::device_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const Rows* r :
       {&ids,    &positions, &contexts,    &rows,          &block_table, &hidden,      &normed,  &q,
        &k,      &v,         &attended,    &router_logits, &choices,     &weights,     &outputs, &ffn_gate,
        &ffn_up, &shared,    &shared_gate, &logits,        &rotary,      &ahead_logits})
    sum += r->bytes();
  return sum;
}

}  // namespace prophet
