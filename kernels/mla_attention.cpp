#include "kernels/mla_attention.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace prophet::kernels {
namespace {

constexpr std::uint32_t heads_max = 1U << 12;

/// A token's row, or null when the block table has no sound page for it.
const std::byte* row_of(const KvPages& pages, std::size_t sequence, std::uint32_t token) {
  const std::uint32_t index = token / pages.page_tokens;
  if (index >= pages.pages_max) return nullptr;
  const std::uint32_t page = pages.block_table[sequence * pages.pages_max + index];
  if (page >= pages.pages) return nullptr;
  return static_cast<const std::byte*>(pages.base) + page_offset(pages.grid, page) +
         std::size_t{token % pages.page_tokens} * mla_row_dim * 2;
}

double logit_of(const MlaAttention& call, std::size_t q_row, const std::byte* row, FloatFormat format) {
  double dot = 0;
  for (std::size_t i = 0; i < mla_latent_dim; ++i) {
    dot += double{load_as_float(call.q_latent, q_row * mla_latent_dim + i, call.q_format)} *
           load_as_float(row, i, format);
  }
  for (std::size_t i = 0; i < mla_rope_dim; ++i) {
    dot += double{load_as_float(call.q_rope, q_row * mla_rope_dim + i, call.q_format)} *
           load_as_float(row, mla_latent_dim + i, format);
  }
  return double{call.scale} * dot;
}

using Latent = std::array<double, mla_latent_dim>;

Latent attend(const KvPages& pages, const MlaAttention& call, std::size_t sequence, std::size_t head) {
  constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
  const std::uint32_t context = call.context_tokens[sequence];
  Latent values{};
  double weights = 0;
  double largest = -std::numeric_limits<double>::infinity();
  if (context > call.context_tokens_max) weights = not_a_number;
  for (std::uint32_t token = 0; token < context && !std::isnan(weights); ++token) {
    const std::byte* row = row_of(pages, sequence, token);
    const double logit =
        row == nullptr ? not_a_number : logit_of(call, sequence * call.heads + head, row, pages.format);
    const double next = std::max(logit, largest);
    const double rescale = std::exp(largest - next);
    const double weight = std::exp(logit - next);
    largest = next;
    weights = weights * rescale + weight;
    for (std::size_t i = 0; i < mla_latent_dim && row != nullptr; ++i) {
      values[i] = values[i] * rescale + weight * load_as_float(row, i, pages.format);
    }
  }
  for (double& value : values) value = context == 0 ? 0 : value / weights;
  return values;
}

}  // namespace

bool can_attend(const KvPages& pages, const MlaAttention& call) noexcept {
  if (call.latent_dim != mla_latent_dim || call.rope_dim != mla_rope_dim) return false;
  if (call.q_latent == nullptr || call.q_rope == nullptr || call.output == nullptr) return false;
  if (call.context_tokens == nullptr || call.heads == 0 || call.heads > heads_max) return false;
  return is_16_bit(pages.format) && hold_tokens_of(pages, std::uint64_t{2} * mla_row_dim);
}

Status mla_attention(const KvPages& pages, const MlaAttention& call) noexcept {
  if (pages.sequences == 0) return Status::ok;
  if (!can_attend(pages, call)) return Status::bad_shape;
  for (std::size_t sequence = 0; sequence < pages.sequences; ++sequence) {
    for (std::size_t head = 0; head < call.heads; ++head) {
      const Latent values = attend(pages, call, sequence, head);
      const std::size_t row = (sequence * call.heads + head) * mla_latent_dim;
      for (std::size_t i = 0; i < mla_latent_dim; ++i) {
        store_as(call.output, row + i, call.output_format, static_cast<float>(values[i]));
      }
    }
  }
  return Status::ok;
}

}  // namespace prophet::kernels
