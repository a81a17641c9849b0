#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/kv/kv_cache.hpp"
#include "tests/kv/vllm_scenarios.hpp"

namespace prophet::testing {

/// Where our pool did otherwise than vLLM's. Each is a sentence; empty: it did the same.
struct VllmDifferences {
  std::string allocation;  ///< ids given out, refusals, free blocks
  std::string hits;        ///< ids found in the prefix cache
  std::string eviction;    ///< ids that left the prefix cache, the order of all free ones, what is cached
  [[nodiscard]] bool none() const noexcept { return allocation.empty() && hits.empty() && eviction.empty(); }
};

/// One scenario of the fixture, carried out by our KvCache: one group, one layer, one page a block, all pages
/// in one lent slab. A request of vLLM is a sequence of ours while it has blocks.
///
/// vLLM's block 0 is its null block, which it never gives out: its block b is our block b - 1, throughout.
class VllmReplay {
 public:
  explicit VllmReplay(const VllmScenario& scenario);

  /// Carries the operation out and compares.
  [[nodiscard]] VllmDifferences step(const VllmOperation& operation);
  /// What is compared after the last operation: the order in which all free blocks are given out, by taking
  /// them, and what is cached. The replay is of no use any more.
  [[nodiscard]] VllmDifferences finish();

 private:
  using Ids = VllmOperation::Ids;
  struct Request {
    std::vector<std::uint32_t> tokens;  ///< prompt, and what was said
    std::optional<KvSequenceId> sequence;
  };

  void admit(const VllmOperation& operation, VllmDifferences& differences);
  void grow(const VllmOperation& operation, VllmDifferences& differences);
  void compare_allocation(const VllmOperation& operation, const std::optional<Ids>& allocated,
                          VllmDifferences& differences) const;
  void compare_free(const VllmOperation& operation, VllmDifferences& differences) const;
  /// vLLM's ids of a sequence's blocks from the first-th on.
  [[nodiscard]] Ids blocks(KvSequenceId sequence, std::size_t first) const;
  /// vLLM's ids of cached blocks, ascending.
  [[nodiscard]] Ids cached() const;
  /// vLLM's ids of free blocks, in the order in which they will be given out.
  [[nodiscard]] Ids free_order() const;

  const VllmScenario& scenario_;
  KvCache cache_;
  std::map<std::uint32_t, Request> requests_;
  Ids cached_before_;            ///< the last operation
  std::uint64_t evictions_ = 0;  ///< before the last operation
};

}  // namespace prophet::testing
