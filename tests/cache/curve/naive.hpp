#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cache/request_groups.hpp"

/// What the fast counts are held to: the definitions, written down with no thought for speed.
namespace prophet::test {

/// One request at a time through a list, the most recently used first.
[[nodiscard]] std::uint64_t simulate_lru(const RequestGroups& requests, std::uint32_t slabs);

/// [grid.size() + 1] requests at each depth of the LRU stack; [0] counts first uses.
[[nodiscard]] std::vector<std::uint64_t> count_depths(const RequestGroups& requests);

/// After each request the expert whose next use is furthest leaves; ties go to the larger index.
[[nodiscard]] std::uint64_t simulate_belady(const RequestGroups& requests, std::uint32_t slabs);

/// The same after each group; experts with the same next group: the larger index leaves.
[[nodiscard]] std::uint64_t simulate_grouped_belady(const RequestGroups& requests, std::uint32_t slabs);

/// The most hits that any choice whatever can have, by trying them all; those of prefill passes do not count.
/// At most 12 experts.
[[nodiscard]] std::uint64_t best_hits(const RequestGroups& requests, std::uint32_t slabs);
[[nodiscard]] std::uint64_t best_grouped_hits(const RequestGroups& requests, std::uint32_t slabs);

}  // namespace prophet::test
