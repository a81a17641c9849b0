#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace prophet::cuda {

inline constexpr std::uint64_t page_bytes = 4096;
inline constexpr std::uint64_t huge_page_bytes = 2ULL << 20;

/// Maps `size_bytes`, a multiple of huge_page_bytes, in 2 MiB pages that the administrator has set aside;
/// nullptr when there are not enough of them.
[[nodiscard]] std::byte* map_reserved_huge_pages(std::uint64_t size_bytes) noexcept;

/// Maps `size_bytes` of ordinary memory, at a multiple of huge_page_bytes when it is at least as large as
/// one, so that the kernel may back it with huge pages, which it is asked to. nullptr when refused.
[[nodiscard]] std::byte* map_pages(std::uint64_t size_bytes) noexcept;

/// Undoes either.
void unmap_pages(std::byte* data, std::uint64_t size_bytes) noexcept;

/// Asks for the pages of `node` where it has some left: a preference and not a binding, because a full node
/// would end the process (ordinary pages) or kill it at the first touch (reserved ones). REQUIRES: untouched.
/// Returns why not, in a few words; empty on success.
[[nodiscard]] std::string prefer_numa_node(std::byte* data, std::uint64_t size_bytes, int node);

/// Writes a zero into every page, so that each exists before anything is timed.
void touch_pages(std::byte* data, std::uint64_t size_bytes) noexcept;

}  // namespace prophet::cuda
