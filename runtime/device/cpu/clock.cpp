#include "runtime/device/cpu/clock.hpp"

#include <sys/prctl.h>

#include <cerrno>
#include <ctime>

namespace prophet::cpu {
namespace {

constexpr std::uint64_t ns_per_s = 1'000'000'000;
/// What a sleeping thread needs to be back on a core.
constexpr std::uint64_t spin_ns = 20'000;

}  // namespace

std::uint64_t monotonic_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * ns_per_s + static_cast<std::uint64_t>(now.tv_nsec);
}

void sleep_until_ns(std::uint64_t target_ns) noexcept {
  if (target_ns > monotonic_ns() + spin_ns) {
    const std::uint64_t wake_ns = target_ns - spin_ns;
    const timespec wake{static_cast<time_t>(wake_ns / ns_per_s), static_cast<long>(wake_ns % ns_per_s)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr) == EINTR) {
    }
  }
  while (monotonic_ns() < target_ns) {
  }
}

void ask_for_exact_wakeups() noexcept {
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

}  // namespace prophet::cpu
