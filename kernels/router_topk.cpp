#include "kernels/router_topk.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "kernels/exact_exp.hpp"

namespace prophet::kernels {
namespace {

constexpr float lowest = std::numeric_limits<float>::lowest();

float finite(float value) noexcept {
  return std::isnan(value) ? lowest : std::clamp(value, lowest, std::numeric_limits<float>::max());
}

/// A sum in 32 parts, so that the order of its additions is a warp's.
class PartedSum {
 public:
  void add(std::size_t part, float value) noexcept { parts_[part % parts_.size()] += value; }
  [[nodiscard]] float total() const noexcept {
    auto parts = parts_;
    for (std::size_t step = parts.size() / 2; step != 0; step /= 2) {
      for (std::size_t i = 0; i < step; ++i) parts[i] += parts[i + step];
    }
    return parts.front();
  }

 private:
  std::array<float, 32> parts_{};
};

/// What one token's router says of the experts. All arrays are indexed by expert.
class TokenRouting {
 public:
  TokenRouting(std::span<const float> logits, std::span<const float> bias, const RouterRule& rule) noexcept
      : rule_(rule) {
    std::transform(logits.begin(), logits.end(), scores_.begin(), finite);
    std::copy_n(scores_.begin(), rule.experts, values_.begin());
    if (rule.score == RouterScore::softmax) apply_softmax();
    if (rule.score == RouterScore::sigmoid) apply_sigmoid();
    if (bias.empty() && rule.groups == 1) return;
    for (std::size_t e = 0; e < rule.experts; ++e)
      values_[e] = finite(scores_[e] + (bias.empty() ? 0 : bias[e]));
    if (rule.groups != 1) drop_groups();
  }

  /// The ids and weights of the chosen [top_k].
  void choose(std::span<std::uint32_t> ids, std::span<float> weights) noexcept {
    for (std::size_t r = 0; r < ids.size(); ++r) {
      ids[r] = take_best();
      weights[r] = scores_[ids[r]];
    }
    if (rule_.score == RouterScore::softmax_of_chosen) {
      const float largest = *std::max_element(weights.begin(), weights.end());
      for (float& weight : weights) weight = exact_exp(weight - largest);
      divide_by_sum(weights, 0);
    } else if (rule_.normalised) {
      divide_by_sum(weights, 1e-20F);
    }
    for (float& weight : weights) weight *= rule_.scale;
  }

 private:
  void apply_softmax() noexcept {
    const float largest = *std::max_element(scores_.begin(), scores_.begin() + rule_.experts);
    PartedSum sum;
    for (std::size_t e = 0; e < rule_.experts; ++e) {
      scores_[e] = exact_exp(scores_[e] - largest);
      sum.add(e / 4, scores_[e]);
    }
    const float total = sum.total();
    for (std::size_t e = 0; e < rule_.experts; ++e) scores_[e] /= total;
  }

  void apply_sigmoid() noexcept {
    for (std::size_t e = 0; e < rule_.experts; ++e) {
      const float small = exact_exp(-std::abs(scores_[e]));
      scores_[e] = (scores_[e] < 0 ? small : 1.0F) / (1.0F + small);
    }
  }

  void drop_groups() noexcept {
    const std::size_t size = rule_.experts / rule_.groups;
    std::array<float, router_groups_max> sums{};
    for (std::size_t g = 0; g < rule_.groups; ++g) {
      std::array<float, router_experts_max> sorted{};
      const auto end = std::copy_n(values_.begin() + g * size, size, sorted.begin());
      std::partial_sort(sorted.begin(), sorted.begin() + 2, end, std::greater<>());
      sums[g] = finite(sorted[0] + sorted[1]);
    }
    std::array<bool, router_groups_max> kept{};
    for (std::uint32_t i = 0; i < rule_.groups_kept; ++i) kept[best(sums, rule_.groups, kept)] = true;
    for (std::size_t e = 0; e < rule_.experts; ++e) taken_[e] = !kept[e / size];
  }

  [[nodiscard]] std::uint32_t take_best() noexcept {
    const std::uint32_t expert = best(values_, rule_.experts, taken_);
    taken_[expert] = true;
    return expert;
  }

  /// The first of the largest that are not taken; there is one.
  static std::uint32_t best(std::span<const float> values, std::uint32_t count,
                            std::span<const bool> taken) noexcept {
    std::uint32_t found = count;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!taken[i] && (found == count || values[i] > values[found])) found = i;
    }
    return found;
  }

  static void divide_by_sum(std::span<float> weights, float smallest) noexcept {
    PartedSum sum;
    for (std::size_t r = 0; r < weights.size(); ++r) sum.add(r, weights[r]);
    const float total = sum.total() + smallest;
    for (float& weight : weights) weight /= total;
  }

  const RouterRule& rule_;
  std::array<float, router_experts_max> scores_{};
  std::array<float, router_experts_max> values_{};  ///< what the choice is by
  std::array<bool, router_experts_max> taken_{};
};

}  // namespace

Status router_topk(std::span<const float> logits, std::span<const float> bias, std::uint32_t tokens,
                   const RouterRule& rule, std::span<std::uint32_t> ids, std::span<float> weights) noexcept {
  const std::size_t choices = std::size_t{tokens} * rule.top_k;
  if (!is_valid(rule) || (!bias.empty() && bias.size() != rule.experts)) return Status::bad_shape;
  if (logits.size() != std::size_t{tokens} * rule.experts) return Status::bad_shape;
  if (ids.size() != choices || weights.size() != choices) return Status::bad_shape;
  for (std::size_t t = 0; t < tokens; ++t) {
    TokenRouting(logits.subspan(t * rule.experts, rule.experts), bias, rule)
        .choose(ids.subspan(t * rule.top_k, rule.top_k), weights.subspan(t * rule.top_k, rule.top_k));
  }
  return Status::ok;
}

}  // namespace prophet::kernels
