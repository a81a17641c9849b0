#pragma once

#include <cstdint>

namespace prophet::testing {

/// False under the address and thread sanitizers, which keep operator new for themselves.
[[nodiscard]] bool heap_allocations_are_counted() noexcept;

/// Calls of operator new so far in this program, on all threads.
[[nodiscard]] std::uint64_t heap_allocations() noexcept;

/// Bytes that are allocated now, and the most that were at once since the last reset_heap_bytes_peak().
[[nodiscard]] std::uint64_t heap_bytes() noexcept;
[[nodiscard]] std::uint64_t heap_bytes_peak() noexcept;
void reset_heap_bytes_peak() noexcept;

}  // namespace prophet::testing
