#pragma once

#include <cstdint>
#include <span>

#include "prophet/ids.hpp"
#include "runtime/device/handles.hpp"
#include "runtime/device/model_ops.hpp"
#include "runtime/model/decoder_config.hpp"

namespace prophet {

/// What a KV memory is made for.
struct KvShape {
  std::uint32_t layers = 0;
  std::uint32_t lanes = 0;
  std::uint32_t context_tokens = 0;  ///< the most that one lane holds
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  kernels::FloatFormat format = kernels::FloatFormat::fp32;
};

/// That of a model's attention for so many lanes and tokens.
[[nodiscard]] KvShape kv_shape_of(const DecoderConfig& config, std::uint32_t lanes,
                                  std::uint32_t context_tokens, kernels::FloatFormat format) noexcept;

/// K and V of every lane up to its longest context, in pages of device memory: each lane has its pages from
/// the start and keeps them. Owns the memory; the device must outlive it.
class KvMemory {
 public:
  static constexpr std::uint32_t page_tokens = 16;

  /// Throws Error{out_of_memory} when the device cannot hold it, Error{usage} for sizes beyond 32-bit page
  /// ids.
  KvMemory(Device& device, const KvShape& shape);

  [[nodiscard]] std::uint32_t pages_max() const noexcept { return pages_max_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return pages_.view().size_bytes; }
  [[nodiscard]] const KvShape& shape() const noexcept { return shape_; }

  /// The lane's row of a block table, [pages_max]; the same in every layer.
  void write_row(LaneId lane, std::span<std::uint32_t> row) const noexcept;
  /// One layer's pages with a block table of `sequences` rows that the caller keeps in device memory.
  [[nodiscard]] KvPagesView layer(std::uint32_t layer, BufferView block_table,
                                  std::uint32_t sequences) const noexcept;

 private:
  KvShape shape_;
  std::uint32_t pages_max_;
  std::uint32_t page_bytes_;
  std::uint64_t layer_bytes_;
  Buffer pages_;
};

}  // namespace prophet
