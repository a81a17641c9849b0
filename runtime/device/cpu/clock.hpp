#pragma once

#include <cstdint>

namespace prophet::cpu {

/// Nanoseconds of the monotonic clock.
[[nodiscard]] std::uint64_t monotonic_ns() noexcept;

/// Returns at `target_ns` of the monotonic clock, some microseconds late at most when a core is free: sleeps
/// up to shortly before, then spins. At once when that time has passed.
void sleep_until_ns(std::uint64_t target_ns) noexcept;

/// Asks the kernel to wake the calling thread when it asked for it, not up to 50 us later.
void ask_for_exact_wakeups() noexcept;

}  // namespace prophet::cpu
