#include "runtime/cache/next_uses.hpp"

#include <numeric>

namespace prophet {

std::vector<std::uint64_t> next_uses(const RequestGroups& requests) {
  std::vector<std::uint64_t> coming(requests.grid.size());
  std::iota(coming.begin(), coming.end(), requests.requests());
  std::vector<std::uint64_t> next(requests.requests());
  for (std::size_t at = requests.requests(); at-- > 0;) {
    std::uint64_t& sooner = coming[requests.experts[at].index()];
    next[at] = sooner;
    sooner = at;
  }
  return next;
}

}  // namespace prophet
