#include "bench/commands/training_progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <utility>

namespace prophet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t bar_width = 30;

/// As if each part took as long as those before it.
std::string time_left(Clock::time_point begin, std::uint32_t done, std::uint32_t in_all) {
  const double passed_s = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto left_s = static_cast<std::uint64_t>(passed_s * (in_all - done) / done + 0.5);
  return fmt::format("{}:{:02} left", left_s / 60, left_s % 60);
}

}  // namespace

TrainingProgress training_progress(std::string what, bool quiet) {
  if (quiet || isatty(STDERR_FILENO) == 0) return nullptr;
  return [what = std::move(what), begin = Clock::now()](std::uint32_t done, std::uint32_t in_all) {
    if (done >= in_all) {
      fmt::print(stderr, "\r\033[K");
    } else {
      fmt::print(stderr, "\r[{:<{}}] {:>4}/{} {}, {}\033[K", std::string(bar_width * done / in_all, '#'),
                 bar_width, done, in_all, what, time_left(begin, done, in_all));
    }
    std::fflush(stderr);
  };
}

}  // namespace prophet
