#include "bench/analytic/kv_arithmetic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet::analytic {
namespace {

constexpr std::uint64_t page_alignment_bytes = 16;
constexpr std::uint64_t state_value_bytes = 2;

std::uint64_t number_row_bytes(std::uint64_t numbers, Dtype dtype) {
  switch (dtype) {
    case Dtype::fp32:
      return 4 * numbers;
    case Dtype::bf16:
    case Dtype::fp16:
      return 2 * numbers;
    case Dtype::fp8:
      return numbers;
    case Dtype::int8:
      return numbers + 4;
    default:
      throw Error(ErrorCode::usage,
                  fmt::format("KV cache in {}: expected bf16, fp16, fp32, fp8 or int8", dtype_name(dtype)));
  }
}

std::uint64_t up_to(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

std::uint64_t layer_token_bytes(const KvLayers& run, Dtype dtype) {
  if (run.kind == KvKind::none) return 0;
  if (run.kind == KvKind::latent)
    return number_row_bytes(std::uint64_t{run.kv_lora_rank} + run.qk_rope_head_dim, dtype);
  return 2 * std::uint64_t{run.kv_heads} * number_row_bytes(run.head_dim, dtype);
}

std::uint64_t token_bytes(const ModelShape& model, Dtype dtype) {
  std::uint64_t bytes = 0;
  for (const KvLayers& run : model.kv) bytes += run.layers * layer_token_bytes(run, dtype);
  return bytes;
}

KvCost kv_cost(const ModelShape& model, Dtype dtype, std::uint32_t page_tokens) {
  KvCost cost;
  cost.page_tokens = page_tokens;
  std::uint64_t largest = 0;
  for (const KvLayers& run : model.kv) largest = std::max(largest, layer_token_bytes(run, dtype));
  cost.page_bytes = up_to(page_tokens * largest, page_alignment_bytes);
  for (const KvLayers& run : model.kv) {
    const std::uint64_t of_token = layer_token_bytes(run, dtype);
    if (of_token == 0) continue;
    const std::uint64_t held =
        of_token == largest
            ? page_tokens
            : std::min<std::uint64_t>(limits::kv_page_tokens_max, std::bit_floor(cost.page_bytes / of_token));
    KvRunCost layers{run.layers, held, 0};
    if (run.kind == KvKind::sliding_window) layers.window_tokens = run.window_tokens;
    cost.runs.push_back(layers);
  }
  const bool keeps_all = std::any_of(cost.runs.begin(), cost.runs.end(),
                                     [](const KvRunCost& run) { return run.window_tokens == 0; });
  cost.tokens_max = keeps_all ? limits::context_tokens_max : std::max(page_tokens, model.context_tokens);
  const std::uint64_t state = state_value_bytes * model.recurrent_state_values;
  if (cost.page_bytes != 0) cost.state_pages = up_to(state, cost.page_bytes) / cost.page_bytes;
  return cost;
}

std::uint64_t pages_of(const KvCost& cost, std::uint64_t tokens) {
  if (tokens == 0) return 0;
  const std::uint64_t before = tokens - cost.page_tokens;
  std::uint64_t pages = cost.state_pages;
  for (const KvRunCost& run : cost.runs) {
    const bool slides = run.window_tokens != 0 && before + 1 > run.window_tokens;
    const std::uint64_t left = slides ? (before + 1 - run.window_tokens) / run.page_tokens : 0;
    pages += run.layers * (up_to(tokens, run.page_tokens) / run.page_tokens - left);
  }
  return pages;
}

std::uint64_t peak_pages_of(const KvCost& cost, std::uint64_t tokens) {
  std::uint64_t largest_page = cost.page_tokens;
  for (const KvRunCost& run : cost.runs) largest_page = std::max(largest_page, run.page_tokens);
  std::uint64_t peak = 0;
  for (std::uint64_t back = 0; back < std::min(largest_page, tokens); back += cost.page_tokens)
    peak = std::max(peak, pages_of(cost, tokens - back));
  return peak;
}

std::uint64_t tokens_of_each(const KvCost& cost, std::uint64_t pages, std::uint64_t batch) {
  std::uint64_t fitting = 0;
  std::uint64_t beyond = cost.tokens_max / cost.page_tokens + 1;
  while (fitting + 1 < beyond) {
    const std::uint64_t steps = fitting + (beyond - fitting) / 2;
    (batch * peak_pages_of(cost, steps * cost.page_tokens) <= pages ? fitting : beyond) = steps;
  }
  return fitting * cost.page_tokens;
}

}  // namespace prophet::analytic
