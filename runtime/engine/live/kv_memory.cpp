#include "runtime/engine/live/kv_memory.hpp"

#include <fmt/format.h>

#include <limits>

#include "kernels/kv_append.hpp"
#include "prophet/error.hpp"
#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

std::uint32_t page_bytes_of(const KvShape& shape) {
  const std::uint64_t bytes =
      KvMemory::page_tokens * kernels::kv_token_bytes(shape.kv_heads, shape.head_dim, shape.format);
  if (bytes <= std::numeric_limits<std::uint32_t>::max()) return static_cast<std::uint32_t>(bytes);
  throw Error(ErrorCode::usage, fmt::format("KV pages of {} bytes: expected at most {}", bytes,
                                            std::numeric_limits<std::uint32_t>::max()));
}

std::uint64_t layer_bytes_of(const KvShape& shape, std::uint32_t pages_max, std::uint32_t page_bytes) {
  const std::uint64_t pages = checked_mul(std::uint64_t{shape.lanes}, pages_max, "KV pages");
  if (pages > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(
        ErrorCode::usage,
        fmt::format("{} lanes of {} tokens: expected at most {} KV pages of {} tokens", shape.lanes,
                    shape.context_tokens, std::numeric_limits<std::uint32_t>::max(), KvMemory::page_tokens));
  }
  return checked_mul(pages, page_bytes, "KV bytes");
}

}  // namespace

KvShape kv_shape_of(const DecoderConfig& config, std::uint32_t lanes, std::uint32_t context_tokens,
                    kernels::FloatFormat format) noexcept {
  KvShape shape;
  shape.layers = config.architecture.layers;
  shape.lanes = lanes;
  shape.context_tokens = context_tokens;
  shape.kv_heads = config.architecture.kv_heads;
  shape.head_dim = config.architecture.head_dim;
  shape.format = format;
  return shape;
}

KvMemory::KvMemory(Device& device, const KvShape& shape)
    : shape_(shape),
      pages_max_(static_cast<std::uint32_t>(ceil_div(shape.context_tokens, page_tokens))),
      page_bytes_(page_bytes_of(shape)),
      layer_bytes_(layer_bytes_of(shape, pages_max_, page_bytes_)),
      pages_(device, MemoryKind::device, checked_mul(layer_bytes_, shape.layers, "KV bytes")) {}

void KvMemory::write_row(LaneId lane, std::span<std::uint32_t> row) const noexcept {
  for (std::uint32_t p = 0; p < pages_max_; ++p) row[p] = lane.value * pages_max_ + p;
}

KvPagesView KvMemory::layer(std::uint32_t layer, BufferView block_table,
                            std::uint32_t sequences) const noexcept {
  KvPagesView view;
  view.pages = pages_.view().slice(layer * layer_bytes_, layer_bytes_);
  view.block_table = block_table;
  view.format = shape_.format;
  view.page_tokens = page_tokens;
  view.page_bytes = page_bytes_;
  view.sequences = sequences;
  view.pages_max = pages_max_;
  return view;
}

}  // namespace prophet
