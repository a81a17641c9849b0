#include "kernels/cuda/router_topk.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/router_topk.hpp"
#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/numbers.hpp"
#include "tests/kernels/router_cases.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::RouterRule;
using testing::any_router_rule;
using testing::fresh_seed;
using testing::router_logits;

struct Problem {
  RouterRule rule;
  std::uint32_t tokens = 0;
  std::vector<float> logits;
  std::vector<float> bias;
};

Problem any_problem(Random& random) {
  Problem problem;
  problem.rule = any_router_rule(random);
  problem.tokens = static_cast<std::uint32_t>(1 + random.below(6));
  const bool rough = random.chance(0.5);
  problem.logits = router_logits(random, std::size_t{problem.tokens} * problem.rule.experts, rough);
  if (random.chance(0.5)) problem.bias = router_logits(random, problem.rule.experts, rough);
  return problem;
}

/// The device's choice with ids of type Id, against the reference's, bit for bit.
template <class Id>
void expect_reference(const Problem& problem) {
  const std::size_t choices = std::size_t{problem.tokens} * problem.rule.top_k;
  const DeviceArray<float> logits(problem.logits);
  const DeviceArray<float> bias(problem.bias);
  const DeviceArray<Id> ids(choices);
  const DeviceArray<float> weights(choices);
  expect_ok(kernels::cuda::router_topk(logits.data(), bias.data(), problem.tokens, problem.rule, ids.data(),
                                       weights.data(), nullptr));
  std::vector<std::uint32_t> expected_ids(choices);
  std::vector<float> expected_weights(choices);
  ASSERT_EQ(kernels::router_topk(problem.logits, problem.bias, problem.tokens, problem.rule, expected_ids,
                                 expected_weights),
            kernels::Status::ok);
  const std::vector<Id> found = ids.read();
  EXPECT_EQ(std::vector<std::uint32_t>(found.begin(), found.end()), expected_ids);
  EXPECT_EQ(weights.read(), expected_weights);
}

class CudaRouterTopk : public OnDevice {};

TEST_F(CudaRouterTopk, ChoosesAndWeighsAsTheReferenceBitForBit) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 120 && !HasFailure(); ++repetition) {
    const Problem problem = any_problem(random);
    const RouterRule& rule = problem.rule;
    SCOPED_TRACE(::testing::Message() << problem.tokens << " tokens, " << rule.experts << " experts in "
                                      << rule.groups_kept << " of " << rule.groups << " groups, top "
                                      << rule.top_k << ", score " << static_cast<int>(rule.score));
    if (random.chance(0.5)) {
      expect_reference<std::uint16_t>(problem);
    } else {
      expect_reference<std::uint32_t>(problem);
    }
  }
}

TEST_F(CudaRouterTopk, EqualValuesGoToTheLowerIndex) {
  for (const std::uint32_t experts : {7U, 128U, 200U, 512U}) {
    const RouterRule rule{.experts = experts, .top_k = 7};
    const DeviceArray<float> logits(std::vector<float>(experts, 0.25F));
    const DeviceArray<std::uint32_t> ids(7);
    const DeviceArray<float> weights(7);
    expect_ok(
        kernels::cuda::router_topk(logits.data(), nullptr, 1, rule, ids.data(), weights.data(), nullptr));
    EXPECT_EQ(ids.read(), (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6})) << experts << " experts";
  }
}

TEST_F(CudaRouterTopk, ReadsRowsThatAreNotAligned) {
  Random random(fresh_seed());
  const RouterRule rule{.experts = 64, .top_k = 6, .normalised = true};
  const std::vector<float> row = router_logits(random, 64, false);
  std::vector<float> shifted = row;
  shifted.insert(shifted.begin(), 99.0F);
  const DeviceArray<float> logits(shifted);
  const DeviceArray<std::uint32_t> ids(6);
  const DeviceArray<float> weights(6);
  expect_ok(
      kernels::cuda::router_topk(logits.data() + 1, nullptr, 1, rule, ids.data(), weights.data(), nullptr));
  std::vector<std::uint32_t> expected_ids(6);
  std::vector<float> expected_weights(6);
  ASSERT_EQ(kernels::router_topk(row, {}, 1, rule, expected_ids, expected_weights), kernels::Status::ok);
  EXPECT_EQ(ids.read(), expected_ids);
  EXPECT_EQ(weights.read(), expected_weights);
}

TEST_F(CudaRouterTopk, RefusesNullPointersAndInvalidRules) {
  const DeviceArray<float> values(64);
  const DeviceArray<std::uint32_t> ids(64);
  const RouterRule rule{.experts = 8, .top_k = 2};
  const RouterRule invalid{.experts = 8, .top_k = 9};
  const auto route = [&](const float* logits, std::uint32_t tokens, const RouterRule& by, std::uint32_t* to,
                         float* weights) {
    return kernels::cuda::router_topk(logits, nullptr, tokens, by, to, weights, nullptr);
  };
  EXPECT_EQ(route(nullptr, 1, rule, ids.data(), values.data()), cudaErrorInvalidValue);
  EXPECT_EQ(route(values.data(), 1, rule, nullptr, values.data()), cudaErrorInvalidValue);
  EXPECT_EQ(route(values.data(), 1, rule, ids.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(route(values.data(), 1, invalid, ids.data(), values.data()), cudaErrorInvalidValue);
  expect_ok(route(nullptr, 0, rule, nullptr, nullptr));
}

}  // namespace
}  // namespace prophet::kernels_test
