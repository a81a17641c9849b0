#pragma once

#include <cstdint>

namespace prophet::sim_test {

/// Calls of operator new by this program so far. The file beside this one replaces the operator, alone in its
/// translation unit so that no compiler pairs an inlined half of it with the other.
[[nodiscard]] std::uint64_t allocations_so_far() noexcept;

}  // namespace prophet::sim_test
