#include "kernels/paged_attention.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/float_rows.hpp"
#include "kernels/kv_append.hpp"

namespace prophet::kernels {
namespace {

constexpr std::size_t head_dim_max = 256;

/// K of one head's token, or null when the block table has no sound page for it.
const std::byte* k_of(const KvPages& pages, const PagedAttention& call, std::size_t sequence,
                      std::uint32_t token, std::size_t kv_head) {
  const std::uint32_t index = token / pages.page_tokens;
  if (index >= pages.pages_max) return nullptr;
  const std::uint32_t page = pages.block_table[sequence * pages.pages_max + index];
  if (page >= pages.pages) return nullptr;
  const std::size_t row = token % pages.page_tokens * std::size_t{call.kv_heads} + kv_head;
  return static_cast<const std::byte*>(pages.base) + page_offset(pages.grid, page) +
         row * call.head_dim * format_bytes(pages.format);
}

struct HeadSums {
  double weight = 0;
  std::array<double, head_dim_max> values{};
};

/// One query head, as fp64.
using Query = std::array<double, head_dim_max>;

Query query_of(const PagedAttention& call, std::size_t q_row) {
  std::array<float, head_dim_max> stored{};
  load_row(call.q, q_row * call.head_dim, call.q_format, call.head_dim, stored.data());
  Query query{};
  std::copy_n(stored.begin(), call.head_dim, query.begin());
  return query;
}

double logit_of(const PagedAttention& call, const Query& query, const float* k) {
  const double logit = double{call.scale} * dot_in_fp64(query.data(), k, call.head_dim);
  return call.soft_cap == 0 ? logit : call.soft_cap * std::tanh(logit / call.soft_cap);
}

/// The weighted sum of V and of the weights, each weight relative to the largest logit so far.
HeadSums attend(const KvPages& pages, const PagedAttention& call, std::size_t sequence, std::size_t head) {
  const std::uint32_t context = call.context_tokens[sequence];
  const std::uint32_t window = call.window_tokens == 0 ? context : std::min(context, call.window_tokens);
  const std::size_t kv_head = head / (call.q_heads / call.kv_heads);
  const std::size_t v_distance =
      std::size_t{pages.page_tokens} * call.kv_heads * call.head_dim * format_bytes(pages.format);
  const Query query = query_of(call, sequence * call.q_heads + head);
  std::array<float, head_dim_max> row;  // of K, then of V
  HeadSums sums;
  double largest =
      call.sinks == nullptr ? -std::numeric_limits<double>::infinity() : double{call.sinks[head]};
  if (call.sinks != nullptr) sums.weight = 1;
  for (std::uint32_t token = context - window; token < context; ++token) {
    const std::byte* k = k_of(pages, call, sequence, token, kv_head);
    if (k == nullptr) {
      sums.weight = std::numeric_limits<double>::quiet_NaN();
      return sums;
    }
    load_row(k, 0, pages.format, call.head_dim, row.data());
    const double logit = logit_of(call, query, row.data());
    const double rescale = logit > largest ? std::exp(largest - logit) : 1;
    largest = std::max(largest, logit);
    const double weight = std::exp(logit - largest);
    sums.weight = sums.weight * rescale + weight;
    load_row(k + v_distance, 0, pages.format, call.head_dim, row.data());
    add_weighted(sums.values.data(), rescale, row.data(), weight, call.head_dim);
  }
  return sums;
}

}  // namespace

bool can_attend(const KvPages& pages, const PagedAttention& call) noexcept {
  if (!has_heads(call.q_heads, call.kv_heads, call.head_dim) || !(call.soft_cap >= 0)) return false;
  if (call.q == nullptr || call.output == nullptr || call.context_tokens == nullptr) return false;
  return hold_tokens_of(pages, kv_token_bytes(call.kv_heads, call.head_dim, pages.format));
}

Status paged_attention(const KvPages& pages, const PagedAttention& call) noexcept {
  if (pages.sequences == 0) return Status::ok;
  if (!can_attend(pages, call)) return Status::bad_shape;
  for (std::size_t sequence = 0; sequence < pages.sequences; ++sequence) {
    const std::uint32_t context = call.context_tokens[sequence];
    for (std::size_t head = 0; head < call.q_heads; ++head) {
      HeadSums sums;
      if (context > call.context_tokens_max) {
        sums.weight = std::numeric_limits<double>::quiet_NaN();
      } else {
        sums = attend(pages, call, sequence, head);
      }
      const std::size_t row = (sequence * call.q_heads + head) * call.head_dim;
      for (std::size_t i = 0; i < call.head_dim; ++i) {
        const double value = context == 0 ? 0 : sums.values[i] / sums.weight;
        store_as(call.output, row + i, call.output_format, static_cast<float>(value));
      }
    }
  }
  return Status::ok;
}

}  // namespace prophet::kernels
