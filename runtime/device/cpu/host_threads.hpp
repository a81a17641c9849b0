#pragma once

#include <cstdint>

namespace prophet::cpu {

/// Threads that compute an expert together when `asked` are asked for: for 0 the cores that affinity and
/// control group (cgroup v2) leave this process, at most limits::host_threads_max. Throws Error{usage} when
/// more than those are asked for.
[[nodiscard]] std::uint32_t host_threads(std::uint32_t asked);

}  // namespace prophet::cpu
