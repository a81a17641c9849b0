#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels/kv_pages.hpp"
#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {

using kernels::FloatFormat;
using kernels::KvPages;

/// Numbers in any format, on the host and on the device.
class FormattedArray {
 public:
  FormattedArray(const std::vector<float>& values, FloatFormat format)
      : host_(values.size() * kernels::format_bytes(format)),
        device_(values.size() * kernels::format_bytes(format)) {
    for (std::size_t i = 0; i < values.size(); ++i) kernels::store_as(host_.data(), i, format, values[i]);
    if (!host_.empty())
      expect_ok(cudaMemcpy(device_.data(), host_.data(), host_.size(), cudaMemcpyHostToDevice));
  }
  [[nodiscard]] void* host() noexcept { return host_.data(); }
  [[nodiscard]] void* device() const noexcept { return device_.data(); }

 private:
  std::vector<std::byte> host_;
  DeviceArray<std::byte> device_;
};

/// What a cache of pages is made of.
struct CacheShape {
  std::uint64_t token_bytes = 0;
  std::uint32_t page_tokens = 0;
  std::uint32_t sequences = 0;
  std::uint32_t pages_max = 0;
  FloatFormat format = FloatFormat::bf16;
};

/// Pages in a random order on the host and on the device. What no test has written is not a number in any
/// format, so that a read of it shows in the result.
class PagedCache {
 public:
  PagedCache(const CacheShape& shape, Random& random) : shape_(shape) {
    const std::uint64_t page_bytes =
        (shape.token_bytes * shape.page_tokens + 15) / 16 * 16 + 16 * random.below(3);
    const std::uint64_t pages_per_slab = 1 + random.below(4);
    grid_ = {.slab_bytes = page_bytes * pages_per_slab + 16 * random.below(3),
             .pages_per_slab = static_cast<std::uint32_t>(pages_per_slab),
             .page_bytes = static_cast<std::uint32_t>(page_bytes)};
    pages_ = shape.sequences * shape.pages_max + 3;
    memory_.assign(kernels::page_offset(grid_, pages_), std::byte{0xFF});
    std::vector<std::uint32_t> order(pages_);
    std::iota(order.begin(), order.end(), 0U);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    table_.assign(order.begin(), order.begin() + std::ptrdiff_t{shape.sequences} * shape.pages_max);
  }

  [[nodiscard]] std::vector<std::uint32_t>& table() { return table_; }
  [[nodiscard]] std::vector<std::byte>& memory() { return memory_; }
  [[nodiscard]] std::uint32_t pages() const { return pages_; }

  [[nodiscard]] KvPages host() { return view(memory_.data(), table_.data()); }

  /// A copy of the present contents on the device.
  struct OnDevice {
    explicit OnDevice(const PagedCache& cache)
        : memory(cache.memory_), table(cache.table_), view(cache.view(memory.data(), table.data())) {}

    DeviceArray<std::byte> memory;
    DeviceArray<std::uint32_t> table;
    KvPages view;
  };

 private:
  [[nodiscard]] KvPages view(void* base, const std::uint32_t* table) const {
    return {.base = base,
            .grid = grid_,
            .pages = pages_,
            .page_tokens = shape_.page_tokens,
            .format = shape_.format,
            .sequences = shape_.sequences,
            .pages_max = shape_.pages_max,
            .block_table = table};
  }

  CacheShape shape_;
  kernels::PageGrid grid_;
  std::uint32_t pages_ = 0;
  std::vector<std::byte> memory_;
  std::vector<std::uint32_t> table_;
};

/// The largest distance of two numbers relative to the largest of the expected; infinite where one of the two
/// only is not a number.
inline double relative_distance(const std::vector<float>& expected, const std::vector<float>& actual) {
  double size = std::numeric_limits<double>::min();
  double distance = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::isnan(expected[i]) != std::isnan(actual[i])) return std::numeric_limits<double>::infinity();
    if (std::isnan(expected[i])) continue;
    size = std::max(size, std::abs(double{expected[i]}));
    distance = std::max(distance, std::abs(double{expected[i]} - double{actual[i]}));
  }
  return distance / size;
}

}  // namespace prophet::kernels_test
