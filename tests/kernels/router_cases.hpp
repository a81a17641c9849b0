#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/router_topk.hpp"
#include "runtime/base/random.hpp"

namespace prophet::testing {

/// A random rule: any score, a few groups or one, as many experts as a model may have or fewer.
inline kernels::RouterRule any_router_rule(Random& random) {
  kernels::RouterRule rule;
  rule.score = static_cast<kernels::RouterScore>(random.below(3));
  rule.normalised = random.chance(0.5);
  rule.scale = random.chance(0.5) ? 1.0F : 2.5F;
  if (random.chance(0.5)) {
    rule.groups = static_cast<std::uint32_t>(2 + random.below(kernels::router_groups_max - 1));
    const std::uint64_t group_experts = 2 + random.below(kernels::router_experts_max / rule.groups - 1);
    rule.experts = static_cast<std::uint32_t>(rule.groups * group_experts);
    rule.groups_kept = static_cast<std::uint32_t>(1 + random.below(rule.groups));
  } else {
    const std::uint32_t usual[] = {8, 60, 64, 128, 160, 256, 384, 512};
    rule.experts =
        random.chance(0.5) ? usual[random.below(8)] : static_cast<std::uint32_t>(1 + random.below(512));
  }
  const std::uint32_t available = rule.experts / rule.groups * rule.groups_kept;
  rule.top_k = static_cast<std::uint32_t>(1 + random.below(kernels::router_top_k_max));
  if (rule.top_k > available) rule.top_k = available;
  return rule;
}

/// Logits of about the size that routers give. With `rough` many are equal, and some are infinite or no
/// number.
inline std::vector<float> router_logits(Random& random, std::size_t count, bool rough) {
  std::vector<float> logits(count);
  for (float& logit : logits) {
    logit = static_cast<float>(12 * random.uniform() - 6);
    if (!rough) continue;
    logit = static_cast<float>(static_cast<int>(logit));
    const float odd[] = {std::numeric_limits<float>::quiet_NaN(),
                         std::numeric_limits<float>::infinity(),
                         -std::numeric_limits<float>::infinity(),
                         -0.0F,
                         1e30F,
                         -200.0F};
    if (random.chance(0.1)) logit = odd[random.below(6)];
  }
  return logits;
}

}  // namespace prophet::testing
