#pragma once

#include <cstdint>

namespace prophet::testing {

/// Calls of operator new so far in this program, on all threads.
[[nodiscard]] std::uint64_t heap_allocations() noexcept;

}  // namespace prophet::testing
