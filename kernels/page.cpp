#include "kernels/page.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace prophet::kernels {
namespace {

constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  const std::uint64_t y = (x ^ (x >> 32)) * page_word_factor;
  return y ^ (y >> 29);
}

/// The pattern `id`, word by word.
class Pattern {
 public:
  Pattern(std::uint64_t seed, std::uint32_t id) noexcept : key_(mix(mix(seed) + id * page_word_step)) {}

  [[nodiscard]] std::array<std::byte, 8> word(std::uint32_t index) const noexcept {
    const std::uint64_t value = mix(key_ + index * page_word_step);
    std::array<std::byte, 8> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(value >> (8 * i));
    return bytes;
  }

  /// The first byte of the page [page_bytes] that is not the pattern's; page_bytes if there is none.
  [[nodiscard]] std::uint32_t first_wrong(const std::byte* page, std::uint32_t page_bytes) const noexcept {
    for (std::uint32_t at = 0; at < page_bytes; at += 8) {
      const auto expected = word(at / 8);
      const auto wrong = std::mismatch(expected.begin(), expected.end(), page + at).first;
      if (wrong != expected.end()) return at + static_cast<std::uint32_t>(wrong - expected.begin());
    }
    return page_bytes;
  }

 private:
  std::uint64_t key_;
};

bool is_inside(std::size_t size, const PageGrid& grid, std::uint32_t page) noexcept {
  return page / grid.pages_per_slab < size / grid.slab_bytes;
}

Status check(std::size_t size, const PageGrid& grid, std::span<const std::uint32_t> pages,
             std::span<const std::uint32_t> ids) noexcept {
  if (!is_valid(grid) || pages.size() != ids.size()) return Status::bad_shape;
  const auto inside = [&](std::uint32_t page) { return is_inside(size, grid, page); };
  return std::all_of(pages.begin(), pages.end(), inside) ? Status::ok : Status::index_out_of_range;
}

}  // namespace

Status page_fill(std::span<std::byte> slabs, const PageGrid& grid, std::span<const std::uint32_t> pages,
                 std::span<const std::uint32_t> ids, std::uint64_t seed) noexcept {
  const Status status = check(slabs.size(), grid, pages, ids);
  if (status != Status::ok) return status;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    std::byte* page = slabs.data() + page_offset(grid, pages[i]);
    const Pattern pattern(seed, ids[i]);
    for (std::uint32_t at = 0; at < grid.page_bytes; at += 8) {
      const auto word = pattern.word(at / 8);
      std::copy(word.begin(), word.end(), page + at);
    }
  }
  return Status::ok;
}

Status page_verify(std::span<const std::byte> slabs, const PageGrid& grid,
                   std::span<const std::uint32_t> pages, std::span<const std::uint32_t> ids,
                   std::uint64_t seed, std::uint64_t* first_wrong) noexcept {
  if (first_wrong == nullptr) return Status::null_pointer;
  const Status status = check(slabs.size(), grid, pages, ids);
  if (status != Status::ok) return status;
  *first_wrong = no_wrong_byte;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const std::byte* page = slabs.data() + page_offset(grid, pages[i]);
    const std::uint32_t at = Pattern(seed, ids[i]).first_wrong(page, grid.page_bytes);
    if (at == grid.page_bytes) continue;
    *first_wrong = std::uint64_t{i} * grid.page_bytes + at;
    return Status::ok;
  }
  return Status::ok;
}

Status page_move(std::span<std::byte> slabs, const PageGrid& grid, std::span<const PageMove> moves) noexcept {
  if (!is_valid(grid)) return Status::bad_shape;
  const auto inside = [&](const PageMove& move) {
    return is_inside(slabs.size(), grid, move.source) && is_inside(slabs.size(), grid, move.destination);
  };
  if (!std::all_of(moves.begin(), moves.end(), inside)) return Status::index_out_of_range;
  for (const PageMove& move : moves) {
    std::memmove(slabs.data() + page_offset(grid, move.destination),
                 slabs.data() + page_offset(grid, move.source), grid.page_bytes);
  }
  return Status::ok;
}

}  // namespace prophet::kernels
