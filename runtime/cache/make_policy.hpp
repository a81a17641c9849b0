#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "prophet/expert_grid.hpp"
#include "runtime/cache/eviction_policy.hpp"
#include "runtime/cache/request_groups.hpp"

namespace prophet {

struct PolicyOptions {
  ExpertGrid grid;
  std::uint32_t cache_slabs = 0;
  double lfu_half_life_steps = 0;             ///< 0: the default that lfu.hpp documents
  std::span<const std::uint64_t> popularity;  ///< [grid.size()] requests in calibration; for `static`
  const RequestGroups* future = nullptr;      ///< what will be asked, for `belady`; must outlive the policy
};

[[nodiscard]] std::vector<std::string> policy_names();

/// Whether the policy learns from training sequences before it runs.
[[nodiscard]] bool policy_needs_training(std::string_view name);

/// Whether the policy knows what the next turn of each layer wants, which no run can: `one-step`, a bound.
[[nodiscard]] bool policy_knows_next_turn(std::string_view name);

/// Whether the policy knows the future, if only a part: what it reaches bounds others.
[[nodiscard]] bool policy_is_bound(std::string_view name);

/// Throws Error{usage} for an unknown name (listing the known ones), and when the policy needs something that
/// `options` lacks.
[[nodiscard]] std::unique_ptr<EvictionPolicy> make_policy(std::string_view name,
                                                          const PolicyOptions& options);

}  // namespace prophet
