#include "runtime/engine/live/runnable.hpp"

#include <fmt/format.h>

#include "kernels/paged_attention.hpp"
#include "prophet/error.hpp"

namespace prophet {

kernels::RouterRule router_rule(const DecoderConfig& config) noexcept {
  kernels::RouterRule rule;
  rule.experts = config.architecture.experts;
  rule.top_k = config.architecture.top_k;
  rule.score = kernels::RouterScore::softmax;
  rule.normalised = config.normalise_top_k;
  return rule;
}

void require_runnable(const DecoderConfig& config) {
  const Architecture& a = config.architecture;
  if (!kernels::has_heads(a.heads, a.kv_heads, a.head_dim)) {
    throw Error(
        ErrorCode::bad_input,
        fmt::format("{}: {} query heads on {} KV heads of {} values, expected heads of 64, 80, 96, 128 "
                    "or 256 and a multiple of the KV heads",
                    a.source, a.heads, a.kv_heads, a.head_dim));
  }
  if (!kernels::is_valid(router_rule(config))) {
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: top-{} of {} experts, expected at most top-{} of {}", a.source, a.top_k,
                            a.experts, kernels::router_top_k_max, kernels::router_experts_max));
  }
}

}  // namespace prophet
