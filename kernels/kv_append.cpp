#include "kernels/kv_append.hpp"

#include <cstring>

namespace prophet::kernels {
namespace {

constexpr std::uint64_t row_values_max = 1U << 24;

/// The begin of a token's row, or null when it has no place.
std::byte* place_of(const KvPages& pages, std::uint32_t sequence, std::uint32_t position,
                    std::uint64_t row_bytes) {
  const std::uint32_t index = position / pages.page_tokens;
  if (sequence >= pages.sequences || index >= pages.pages_max) return nullptr;
  const std::uint32_t page = pages.block_table[std::size_t{sequence} * pages.pages_max + index];
  if (page >= pages.pages) return nullptr;
  return static_cast<std::byte*>(pages.base) + page_offset(pages.grid, page) +
         position % pages.page_tokens * row_bytes;
}

void write_row(std::byte* place, FloatFormat stored, const void* rows, std::size_t row, std::size_t values,
               FloatFormat format) {
  if (stored == format) {
    const std::size_t row_bytes = values * format_bytes(format);
    std::memcpy(place, static_cast<const std::byte*>(rows) + row * row_bytes, row_bytes);
    return;
  }
  for (std::size_t i = 0; i < values; ++i)
    store_as(place, i, stored, load_as_float(rows, row * values + i, format));
}

}  // namespace

bool can_append(const KvPages& pages, const KvRows& rows) noexcept {
  const std::uint64_t values = std::uint64_t{rows.kv_heads} * rows.head_dim;
  if (rows.k == nullptr || rows.v == nullptr || rows.positions == nullptr || rows.sequence_of == nullptr)
    return false;
  if (!is_aligned_16(rows.k) || !is_aligned_16(rows.v)) return false;
  if (rows.head_dim % 8 != 0 || values == 0 || values > row_values_max) return false;
  return hold_tokens_of(pages, kv_token_bytes(rows.kv_heads, rows.head_dim, pages.format));
}

bool can_append(const KvPages& pages, const LatentRows& rows) noexcept {
  if (rows.rows == nullptr || rows.positions == nullptr || rows.sequence_of == nullptr) return false;
  if (!is_aligned_16(rows.rows) || rows.row_dim % 8 != 0 || rows.row_dim > row_values_max) return false;
  return is_16_bit(pages.format) && hold_tokens_of(pages, std::uint64_t{2} * rows.row_dim);
}

Status kv_append(const KvPages& pages, const KvRows& rows) noexcept {
  if (rows.tokens == 0) return Status::ok;
  if (!can_append(pages, rows)) return Status::bad_shape;
  const std::size_t values = std::size_t{rows.kv_heads} * rows.head_dim;
  const std::size_t row_bytes = values * format_bytes(pages.format);
  for (std::size_t t = 0; t < rows.tokens; ++t) {
    std::byte* k = place_of(pages, rows.sequence_of[t], rows.positions[t], row_bytes);
    if (k == nullptr) continue;
    write_row(k, pages.format, rows.k, t, values, rows.format);
    write_row(k + pages.page_tokens * row_bytes, pages.format, rows.v, t, values, rows.format);
  }
  return Status::ok;
}

Status latent_append(const KvPages& pages, const LatentRows& rows) noexcept {
  if (rows.tokens == 0) return Status::ok;
  if (!can_append(pages, rows)) return Status::bad_shape;
  for (std::size_t t = 0; t < rows.tokens; ++t) {
    std::byte* place = place_of(pages, rows.sequence_of[t], rows.positions[t], std::size_t{2} * rows.row_dim);
    if (place != nullptr) write_row(place, pages.format, rows.rows, t, rows.row_dim, rows.format);
  }
  return Status::ok;
}

}  // namespace prophet::kernels
