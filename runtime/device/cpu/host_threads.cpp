#include "runtime/device/cpu/host_threads.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <thread>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet::cpu {
namespace {

/// What the control group grants, rounded up; 0: no limit, or none that can be read.
std::uint32_t cgroup_cores() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota_us = 0;  // "max" is no number: no limit
  double period_us = 0;
  if (!(file >> quota_us >> period_us) || quota_us <= 0 || period_us <= 0) return 0;
  return static_cast<std::uint32_t>(std::clamp(std::ceil(quota_us / period_us), 1.0, 1e6));
}

std::uint32_t cores_here() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  // Refused where there are more cores than the set has room for; then std::thread has to know.
  const std::uint32_t found = sched_getaffinity(0, sizeof cores, &cores) == 0
                                  ? static_cast<std::uint32_t>(CPU_COUNT(&cores))
                                  : std::thread::hardware_concurrency();
  const std::uint32_t granted = cgroup_cores();
  return granted == 0 ? found : std::min(found, granted);
}

}  // namespace

std::uint32_t host_threads(std::uint32_t asked) {
  if (asked > limits::host_threads_max) {
    throw Error(ErrorCode::usage, fmt::format("host_cores is {}, expected at most {} threads that compute "
                                              "experts",
                                              asked, limits::host_threads_max));
  }
  if (asked != 0) return asked;
  return std::clamp(cores_here(), 1U, limits::host_threads_max);
}

}  // namespace prophet::cpu
