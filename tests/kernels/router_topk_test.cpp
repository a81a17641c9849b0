#include "kernels/router_topk.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "kernels/exact_exp.hpp"
#include "tests/kernels/numbers.hpp"
#include "tests/kernels/router_cases.hpp"

namespace prophet::kernels {
namespace {

using testing::any_router_rule;
using testing::fresh_seed;
using testing::router_logits;

struct Routed {
  std::vector<std::uint32_t> ids;
  std::vector<float> weights;
};

Routed route(const std::vector<float>& logits, const std::vector<float>& bias, const RouterRule& rule) {
  Routed routed{std::vector<std::uint32_t>(rule.top_k), std::vector<float>(rule.top_k)};
  EXPECT_EQ(router_topk(logits, bias, 1, rule, routed.ids, routed.weights), Status::ok);
  return routed;
}

std::vector<double> softmax(std::vector<double> values) {
  const double largest = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (double& value : values) sum += value = std::exp(value - largest);
  for (double& value : values) value /= sum;
  return values;
}

/// Scores as published, in double precision.
std::vector<double> scores_of(const std::vector<float>& logits, RouterScore score) {
  std::vector<double> values(logits.begin(), logits.end());
  if (score == RouterScore::softmax) return softmax(values);
  if (score == RouterScore::softmax_of_chosen) return values;
  for (double& value : values) value = 1 / (1 + std::exp(-value));
  return values;
}

/// What the published definitions give for experts that are already chosen.
std::vector<double> weights_of(const std::vector<double>& scores, const std::vector<std::uint32_t>& ids,
                               const RouterRule& rule) {
  std::vector<double> weights;
  for (const std::uint32_t id : ids) weights.push_back(scores[id]);
  if (rule.score == RouterScore::softmax_of_chosen) weights = softmax(weights);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight *= rule.scale / (rule.normalised ? sum : 1.0);
  return weights;
}

/// The sums of the two best of each group; with one group there is nothing to compare.
std::vector<double> group_sums(const std::vector<double>& values, const RouterRule& rule) {
  if (rule.groups == 1) return {0};
  std::vector<double> sums;
  const auto size = static_cast<std::ptrdiff_t>(rule.experts / rule.groups);
  for (auto group = values.begin(); group != values.end(); group += size) {
    std::vector<double> sorted(group, group + size);
    std::sort(sorted.rbegin(), sorted.rend());
    sums.push_back(sorted[0] + sorted[1]);
  }
  return sums;
}

/// Fails where an expert was chosen though its group, or it in its group, lost by more than rounding.
void expect_best(const std::vector<double>& values, const std::vector<std::uint32_t>& ids,
                 const RouterRule& rule) {
  constexpr double rounding = 2e-6;
  const std::uint32_t size = rule.experts / rule.groups;
  const std::vector<double> sums = group_sums(values, rule);
  const auto better_groups = [&](std::uint32_t group, double margin) {
    return std::count_if(sums.begin(), sums.end(), [&](double sum) { return sum > sums[group] + margin; });
  };
  std::set<std::uint32_t> left;
  for (std::uint32_t e = 0; e < rule.experts; ++e) {
    if (better_groups(e / size, -rounding) <= rule.groups_kept) left.insert(e);  // its own group counts
  }
  for (const std::uint32_t id : ids) {
    ASSERT_LT(id, rule.experts);
    EXPECT_LT(better_groups(id / size, rounding), rule.groups_kept) << "expert " << id;
    left.erase(id);
    for (const std::uint32_t other : left)
      ASSERT_LE(values[other], values[id] + rounding) << other << " and " << id;
  }
}

TEST(ExactExp, IsTheExponentialWithinTwoUnitsOfTheLastPlace) {
  for (float x = 0; x >= exact_exp_min; x -= 0.00731F) {
    const double expected = std::exp(static_cast<double>(x));
    ASSERT_NEAR(exact_exp(x), expected, 2 * 1.2e-7 * expected) << x;
  }
  EXPECT_EQ(exact_exp(0), 1.0F);
  EXPECT_EQ(exact_exp(-std::numeric_limits<float>::infinity()), 0.0F);
}

TEST(RouterTopk, ChoosesAndWeighsAsThePublishedDefinitionsDo) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 300; ++repetition) {
    const RouterRule rule = any_router_rule(random);
    SCOPED_TRACE(::testing::Message() << rule.experts << " experts in " << rule.groups << " groups, top "
                                      << rule.top_k << ", score " << static_cast<int>(rule.score));
    const std::vector<float> logits = router_logits(random, rule.experts, false);
    std::vector<float> bias;
    if (random.chance(0.5)) bias = testing::random_floats(random, rule.experts);
    const Routed routed = route(logits, bias, rule);
    const std::vector<double> scores = scores_of(logits, rule.score);
    std::vector<double> values = scores;
    for (std::size_t e = 0; e < bias.size(); ++e) values[e] += bias[e];
    EXPECT_EQ(std::set<std::uint32_t>(routed.ids.begin(), routed.ids.end()).size(), rule.top_k);
    expect_best(values, routed.ids, rule);
    const std::vector<double> weights = weights_of(scores, routed.ids, rule);
    for (std::size_t r = 0; r < weights.size(); ++r)
      ASSERT_NEAR(routed.weights[r], weights[r], 1e-5 * weights[r]);
  }
}

TEST(RouterTopk, DeepSeekV3sGroupsAreChosenByTheirTwoBestAndTheBiasHasNoPartInTheWeights) {
  const RouterRule rule{.experts = 8,
                        .top_k = 2,
                        .score = RouterScore::sigmoid,
                        .normalised = true,
                        .scale = 2.5F,
                        .groups = 4,
                        .groups_kept = 2};
  //                               lone best   two good   two good   nothing
  const std::vector<float> logits = {5, -9, /**/ 2, 2, /**/ 1, 0, /**/ -9, -9};
  const Routed plain = route(logits, {}, rule);
  EXPECT_EQ(plain.ids, (std::vector<std::uint32_t>{2, 3}));
  EXPECT_FLOAT_EQ(plain.weights[0], 1.25F);
  EXPECT_FLOAT_EQ(plain.weights[1], 1.25F);
  const Routed biased = route(logits, {0, 0, 0, 0, 0, 1, 0, 0}, rule);
  EXPECT_EQ(biased.ids, (std::vector<std::uint32_t>{5, 2}));
  EXPECT_NEAR(biased.weights[0], 2.5 * 0.5 / (0.5 + 1 / (1 + std::exp(-2.0))), 1e-6);
}

TEST(RouterTopk, EqualValuesGoToTheLowerIndex) {
  const RouterRule rule{.experts = 300, .top_k = 4, .score = RouterScore::softmax_of_chosen};
  std::vector<float> logits(300, -1.0F);
  for (const std::size_t e : {299U, 131U, 130U, 40U}) logits[e] = 3;
  EXPECT_EQ(route(logits, {}, rule).ids, (std::vector<std::uint32_t>{40, 130, 131, 299}));
  logits.assign(300, 0.0F);
  for (std::size_t e = 0; e < 300; e += 2) logits[e] = -0.0F;
  EXPECT_EQ(route(logits, {}, rule).ids, (std::vector<std::uint32_t>{0, 1, 2, 3}));
  const RouterRule grouped{.experts = 12, .top_k = 4, .groups = 3, .groups_kept = 1};
  EXPECT_EQ(route(std::vector<float>(12, 0.0F), {}, grouped).ids, (std::vector<std::uint32_t>{0, 1, 2, 3}));
}

TEST(RouterTopk, WhatIsNoNumberIsTheLastChoiceAndNoWeight) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const RouterScore score :
       {RouterScore::softmax, RouterScore::sigmoid, RouterScore::softmax_of_chosen}) {
    const RouterRule rule{.experts = 6, .top_k = 5, .score = score};
    const Routed routed = route({nan, 1, -infinity, nan, infinity, -2}, {}, rule);
    EXPECT_EQ(routed.ids, (std::vector<std::uint32_t>{4, 1, 5, 0, 2}));
    EXPECT_EQ(routed.weights[0], 1.0F);
    EXPECT_EQ(routed.weights[4], 0.0F);
    EXPECT_EQ(route({nan, nan, nan, nan, nan, nan}, {}, rule).ids,
              (std::vector<std::uint32_t>{0, 1, 2, 3, 4}));
  }
  const RouterRule rule{.experts = 3, .top_k = 2, .score = RouterScore::sigmoid};
  EXPECT_EQ(route({1, 1, 1}, {nan, 0, -infinity}, rule).ids, (std::vector<std::uint32_t>{1, 0}));
}

TEST(RouterTopk, RefusesRulesAndListsThatDoNotFit) {
  std::vector<float> logits(8);
  std::vector<std::uint32_t> ids(2);
  std::vector<float> weights(2);
  const auto status = [&](const RouterRule& rule) { return router_topk(logits, {}, 1, rule, ids, weights); };
  EXPECT_EQ(status({.experts = 8, .top_k = 2}), Status::ok);
  EXPECT_EQ(status({.experts = 8, .top_k = 1}), Status::bad_shape);
  EXPECT_EQ(status({.experts = 7, .top_k = 2}), Status::bad_shape);
  EXPECT_EQ(status({.experts = 8, .top_k = 2, .groups = 3}), Status::bad_shape);
  EXPECT_EQ(status({.experts = 8, .top_k = 2, .groups = 8, .groups_kept = 2}), Status::bad_shape);
  EXPECT_EQ(status({.experts = 8, .top_k = 2, .groups = 2, .groups_kept = 3}), Status::bad_shape);
  EXPECT_EQ(router_topk(logits, weights, 1, {.experts = 8, .top_k = 2}, ids, weights), Status::bad_shape);
  EXPECT_FALSE(is_valid({.experts = 513, .top_k = 1}));
  EXPECT_FALSE(is_valid({.experts = 32, .top_k = 17}));
  EXPECT_FALSE(is_valid({.experts = 8, .top_k = 5, .groups = 2, .groups_kept = 1}));
  EXPECT_FALSE(is_valid({.experts = 4, .top_k = 0}));
  EXPECT_FALSE(is_valid({.experts = 4, .top_k = 1, .groups = 0}));
}

}  // namespace
}  // namespace prophet::kernels
