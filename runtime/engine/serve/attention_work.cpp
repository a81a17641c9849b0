#include "runtime/engine/serve/attention_work.hpp"

#include <algorithm>

#include "runtime/model/model_bytes.hpp"

namespace prophet {

AttentionCost::AttentionCost(const ModelShape& model, Dtype kv_dtype) {
  for (const KvLayers& run : model.kv) {
    if (run.kind == KvKind::none) continue;
    const std::uint64_t bytes = kv_bytes_per_token(run, kv_dtype);
    const std::uint64_t flops = 4ULL * model.hidden_size * run.layers;
    const bool windowed = run.kind == KvKind::sliding_window;
    (windowed ? windowed_bytes_ : full_bytes_) += bytes;
    (windowed ? windowed_flops_ : full_flops_) += flops;
    if (windowed) window_tokens_ = run.window_tokens;
  }
}

void AttentionCost::add(std::uint32_t tokens, std::uint32_t context_tokens,
                        AttentionWork& work) const noexcept {
  const std::uint64_t seen =
      std::min<std::uint64_t>(context_tokens, std::uint64_t{window_tokens_} + tokens - 1);
  work.bytes += full_bytes_ * context_tokens + windowed_bytes_ * seen;
  // Of a chunk the first token sees tokens - 1 fewer than the last: the mean context counts.
  const double mean = context_tokens - (tokens - 1) / 2.0;
  const double windowed = std::min<double>(mean, window_tokens_);
  const double pairs =
      static_cast<double>(full_flops_) * mean + static_cast<double>(windowed_flops_) * windowed;
  work.flops += static_cast<std::uint64_t>(pairs * tokens);
}

}  // namespace prophet
