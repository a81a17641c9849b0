#include "bench/headroom/page_proof.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/device/handles.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t staging_bytes = 8ULL << 20;

/// Carries pages between the device and pinned memory, some at a time.
class PageFerry {
 public:
  PageFerry(Device& device, BufferView arena, const kernels::PageGrid& grid, std::uint64_t seed)
      : device_(device),
        arena_(arena),
        grid_(grid),
        seed_(seed),
        at_once_(std::max<std::uint64_t>(1, staging_bytes / grid.page_bytes)),
        packed_{grid.page_bytes, 1, grid.page_bytes},
        staging_(device, MemoryKind::host_pinned, at_once_ * grid.page_bytes),
        stream_(device, StreamRole::demand_copy),
        numbers_(at_once_),
        ids_(at_once_) {
    std::iota(numbers_.begin(), numbers_.end(), 0U);
  }

  [[nodiscard]] std::uint64_t at_once() const noexcept { return at_once_; }

  void write(std::span<const std::uint32_t> pages, std::uint32_t first_id) {
    if (const auto bytes = name(pages, first_id); !bytes.empty()) {
      expect_ok(kernels::page_fill(bytes, packed_, numbers(pages), ids(pages), seed_), "page_fill");
    }
    copy(pages, true);
  }

  /// True when the device keeps bytes; then they are as written.
  bool read(std::span<const std::uint32_t> pages, std::uint32_t first_id) {
    copy(pages, false);
    const auto bytes = name(pages, first_id);
    if (bytes.empty()) return false;
    std::uint64_t wrong = kernels::no_wrong_byte;
    expect_ok(kernels::page_verify(bytes, packed_, numbers(pages), ids(pages), seed_, &wrong), "page_verify");
    if (wrong == kernels::no_wrong_byte) return true;
    const std::uint64_t at = wrong / grid_.page_bytes;
    throw Error(ErrorCode::check_failed,
                fmt::format("KV page {} (the {}th that was written): byte {} is not what was written to it",
                            pages[at], first_id + at, wrong % grid_.page_bytes));
  }

 private:
  static void expect_ok(kernels::Status status, const char* what) {
    if (status == kernels::Status::ok) return;
    throw Error(ErrorCode::check_failed,
                fmt::format("{}: refused its own pages, expected a valid grid", what));
  }

  /// The staging bytes of the pages, whose patterns' names are set.
  std::span<std::byte> name(std::span<const std::uint32_t> pages, std::uint32_t first_id) {
    std::iota(ids_.begin(), ids_.end(), first_id);
    return device_.host_bytes(staging_.view().slice(0, pages.size() * grid_.page_bytes));
  }
  [[nodiscard]] std::span<const std::uint32_t> numbers(std::span<const std::uint32_t> pages) const {
    return std::span(numbers_).first(pages.size());
  }
  [[nodiscard]] std::span<const std::uint32_t> ids(std::span<const std::uint32_t> pages) const {
    return std::span(ids_).first(pages.size());
  }

  /// Pages that lie one behind the other are one copy.
  void copy(std::span<const std::uint32_t> pages, bool to_device) {
    std::size_t begin = 0;
    for (std::size_t i = 1; i <= pages.size(); ++i) {
      const bool joined =
          i < pages.size() && kernels::page_offset(grid_, pages[i]) ==
                                  kernels::page_offset(grid_, pages[i - 1]) + grid_.page_bytes;
      if (joined) continue;
      const std::uint64_t size = (i - begin) * grid_.page_bytes;
      const BufferView host = staging_.view().slice(begin * grid_.page_bytes, size);
      const BufferView there = arena_.slice(kernels::page_offset(grid_, pages[begin]), size);
      device_.copy(stream_.id(), to_device ? there : host, to_device ? host : there, pages[begin]);
      begin = i;
    }
    device_.synchronize();
  }

  Device& device_;
  BufferView arena_;
  kernels::PageGrid grid_;
  std::uint64_t seed_;
  std::uint64_t at_once_;
  kernels::PageGrid packed_;  ///< of the staging memory: one page behind the other
  Buffer staging_;
  Stream stream_;
  std::vector<std::uint32_t> numbers_;  ///< 0, 1, 2, ...
  std::vector<std::uint32_t> ids_;
};

}  // namespace

PageProof prove_pages(Device& device, BufferView arena, const kernels::PageGrid& grid,
                      std::span<const std::uint32_t> pages, std::uint64_t seed) {
  PageProof proof;
  proof.pages = pages.size();
  proof.bytes = pages.size() * std::uint64_t{grid.page_bytes};
  if (pages.empty()) return proof;
  PageFerry ferry(device, arena, grid, seed);
  const auto each = [&](const auto& visit) {
    for (std::size_t at = 0; at < pages.size(); at += ferry.at_once())
      visit(pages.subspan(at, std::min<std::size_t>(ferry.at_once(), pages.size() - at)),
            static_cast<std::uint32_t>(at));
  };
  each([&](std::span<const std::uint32_t> some, std::uint32_t first) { ferry.write(some, first); });
  proof.compared = true;
  each([&](std::span<const std::uint32_t> some, std::uint32_t first) {
    proof.compared = ferry.read(some, first) && proof.compared;
  });
  return proof;
}

}  // namespace prophet
