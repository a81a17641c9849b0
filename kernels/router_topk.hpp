#pragma once

#include <cstdint>
#include <span>

#include "kernels/status.hpp"

namespace prophet::kernels {

inline constexpr std::uint32_t router_experts_max = 512;
inline constexpr std::uint32_t router_top_k_max = 16;
inline constexpr std::uint32_t router_groups_max = 32;

enum class RouterScore : std::uint32_t {
  softmax,           ///< over all experts: Qwen3-MoE (arXiv 2505.09388), OLMoE, DeepSeek-V2
  sigmoid,           ///< of each logit: DeepSeek-V3 (arXiv 2412.19437, equation 15)
  softmax_of_chosen  ///< over the chosen logits: Mixtral (arXiv 2401.04088, section 2.1), gpt-oss
};

/// How a router chooses experts and weighs them.
struct RouterRule {
  std::uint32_t experts = 0;  ///< at most router_experts_max
  std::uint32_t top_k = 0;    ///< at most router_top_k_max and the experts of the groups kept
  RouterScore score = RouterScore::softmax;
  bool normalised =
      false;        ///< weights are divided by their sum (and 1e-20, as in DeepSeek-V3's published code)
  float scale = 1;  ///< then multiplied by this: DeepSeek-V3's routed_scaling_factor
  std::uint32_t groups =
      1;  ///< of equally many consecutive experts, at least two if there are several groups
  std::uint32_t groups_kept = 1;
};

[[nodiscard]] constexpr bool is_valid(const RouterRule& rule) noexcept {
  if (rule.experts == 0 || rule.experts > router_experts_max) return false;
  if (rule.top_k == 0 || rule.top_k > router_top_k_max) return false;
  if (rule.groups == 0 || rule.groups > router_groups_max || rule.experts % rule.groups != 0) return false;
  if (rule.groups > 1 && rule.experts / rule.groups < 2) return false;
  if (rule.groups_kept == 0 || rule.groups_kept > rule.groups) return false;
  return rule.top_k <= rule.experts / rule.groups * rule.groups_kept;
}

/// The choice of experts, and their weights, from a router's logits.
///
/// An expert's score is the softmax or sigmoid of its logit, or (softmax_of_chosen) the logit itself. The
/// choice is by score + bias; without bias and with one group it is by logit, whose order is that of the
/// scores but for rounding. Of several groups only the groups_kept with the largest sum of their two best
/// values take part (DeepSeek-V3, section 2.1.2, where groups are nodes). Then the top_k with the largest
/// values are chosen, the largest first. Equal values, of experts or of groups: the lower index first. The
/// bias has no part in the weights, which are the scores of the chosen, or the softmax of their logits;
/// normalised and scaled as the rule says.
///
/// Logits, biased scores and sums of two are first brought into the finite range: NaN counts as the lowest
/// finite number, an infinity as the finite number next to it. So there is always a choice of distinct
/// experts.
///
/// Exponentials are exact_exp; sums of exponentials are kept in 32 parts, expert e's in part (e / 4) mod 32
/// in ascending order, sums over the chosen in a part for each rank; the parts are added in pairs whose
/// numbers differ by 16, then 8, 4, 2, 1. Ids and weights are therefore the same bits on host and device.
///
/// logits [tokens, experts]; bias [experts] or empty; ids and weights [tokens, top_k]. bad_shape for an
/// invalid rule or a list of another size.
[[nodiscard]] Status router_topk(std::span<const float> logits, std::span<const float> bias,
                                 std::uint32_t tokens, const RouterRule& rule, std::span<std::uint32_t> ids,
                                 std::span<float> weights) noexcept;

}  // namespace prophet::kernels
