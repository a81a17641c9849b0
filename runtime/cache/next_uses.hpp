#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cache/request_groups.hpp"

namespace prophet {

/// For each request, where its expert is requested next: an index into `requests.experts`, or
/// requests.requests() + the expert's index when it never is. Hence
///  - every expert's next use is a different number, at any time;
///  - smaller means sooner, and within a group the smaller expert index;
///  - the number names its expert, see expert_of().
/// [requests]; O(requests), one backward pass.
[[nodiscard]] std::vector<std::uint64_t> next_uses(const RequestGroups& requests);

/// The expert that `next_use`, a value of next_uses(requests), belongs to.
[[nodiscard]] inline ExpertIndex expert_of(std::uint64_t next_use, const RequestGroups& requests) noexcept {
  if (next_use < requests.requests()) return requests.experts[next_use];
  return ExpertIndex{static_cast<std::uint32_t>(next_use - requests.requests())};
}

}  // namespace prophet
