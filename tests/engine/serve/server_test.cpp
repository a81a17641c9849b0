#include "runtime/engine/serve/server.hpp"

#include <gtest/gtest.h>

#include "tests/engine/serve/serving_world.hpp"

namespace prophet::engine_test {
namespace {

/// One layer of 32 bytes a token: a page holds 4 tokens, a slab of 4,608 bytes 36 pages, so 144 tokens.
constexpr std::uint32_t slab_tokens = 144;

ServingPlan plan_of(std::vector<RequestRecord> requests) {
  ServingPlan plan;
  plan.seed = 1;
  plan.scenario.layers = 2;
  plan.scenario.experts = 8;
  plan.geometry.groups.push_back({1, 32, 0, 0});
  plan.slabs = 16;
  plan.requests = std::move(requests);
  plan.options.running_max = 4;
  plan.options.prefill_chunk_tokens = 64;
  plan.options.boundary.kv_slabs = 2;
  return plan;
}

RequestRecord request(std::uint64_t arrival_ns, std::uint32_t prompt, std::uint32_t output) {
  RequestRecord record;
  record.arrival_ns = arrival_ns;
  record.prompt_tokens = prompt;
  record.output_tokens = output;
  return record;
}

TEST(Server, TheFirstTokenComesWithTheLastChunkOfThePrompt) {
  const ServingOutcome outcome = serve(plan_of({request(0, 100, 5)}));
  ASSERT_FALSE(outcome.wrong) << *outcome.wrong;
  const ServeResult& result = outcome.result;
  EXPECT_EQ(result.engine.prefill_passes, 2U);  // 64 and 36 tokens
  EXPECT_EQ(result.engine.steps, 4U);           // and four more tokens
  EXPECT_EQ(result.between_tokens_ns.size(), 4U);
  EXPECT_GT(result.requests[0].first_token_ns, 0U);
  EXPECT_LT(result.requests[0].first_token_ns, result.requests[0].last_token_ns);
}

TEST(Server, NobodyOvertakesInTheQueue) {
  // The second does not fit beside the first, the third would.
  const ServingOutcome outcome = serve(plan_of({request(0, 150, 30), request(1, 200, 2), request(2, 10, 2)}));
  ASSERT_FALSE(outcome.wrong) << *outcome.wrong;
  const auto& requests = outcome.result.requests;
  EXPECT_LE(requests[0].first_token_ns, requests[1].first_token_ns);
  EXPECT_LE(requests[1].first_token_ns, requests[2].first_token_ns);
  EXPECT_GT(outcome.result.waiting_steps, 0U);
}

TEST(Server, WhatIsLongerThanTheKvCacheCanEverBeIsRefusedAndHoldsUpNobody) {
  const ServingOutcome outcome = serve(plan_of({request(0, 3 * slab_tokens, 5), request(1, 50, 5)}));
  EXPECT_EQ(outcome.result.requests[0].phase, RequestPhase::refused);
  EXPECT_EQ(outcome.result.requests[1].phase, RequestPhase::finished);
}

TEST(Server, EqualBlocksOfPromptsAreComputedOnce) {
  std::vector<RequestRecord> requests{request(0, 100, 2), request(10'000'000, 100, 2)};
  for (RequestRecord& record : requests) record.prefix_blocks = {7};
  const ServingOutcome outcome = serve(plan_of(requests));
  ASSERT_FALSE(outcome.wrong) << *outcome.wrong;
  EXPECT_EQ(outcome.result.requests[0].cached_tokens, 0U);
  EXPECT_EQ(outcome.result.requests[1].cached_tokens,
            96U);  // whole pages, and one token at least is computed
  EXPECT_LT(outcome.result.requests[1].first_token_ns - outcome.result.requests[1].arrival_ns,
            outcome.result.requests[0].first_token_ns);
}

TEST(Server, ThePreemptedFinishWithAllTheirTokens) {
  for (const Preemption preemption : {Preemption::recompute, Preemption::swap}) {
    ServingPlan plan = plan_of({request(0, 100, 100), request(1, 100, 100)});
    plan.options.preemption = preemption;
    plan.options.host_bytes = 1 << 20;
    const ServingOutcome outcome = serve(plan);
    ASSERT_FALSE(outcome.wrong) << *outcome.wrong;
    EXPECT_GT(outcome.result.preemptions, 0U);
    EXPECT_EQ(outcome.result.swapped_bytes > 0, preemption == Preemption::swap);
    EXPECT_EQ(outcome.result.recomputed_tokens > 0, preemption == Preemption::recompute);
  }
}

TEST(Server, ASuddenLongPromptIsAdmittedWithinTheControllersBound) {
  for (const std::uint32_t slabs : {3U, 6U, 9U, 12U}) {
    // Two slabs are the KV cache's when a prompt of `slabs` slabs comes.
    ServingPlan plan = plan_of({request(0, 20, 40), request(20'000, slabs * slab_tokens - 20, 2)});
    plan.options.boundary.adaptive = true;
    plan.options.boundary.controller.moves_per_step_max = 2;
    plan.options.boundary.controller.window_steps = 1'000'000;
    plan.options.boundary.controller.kv_slabs_min = 2;  // none goes back before the prompt comes
    const ServingOutcome outcome = serve(plan);
    ASSERT_FALSE(outcome.wrong) << *outcome.wrong;
    const std::uint32_t bound =
        BoundaryController::steps_until_moved(slabs, 2, plan.options.boundary.controller);
    EXPECT_GT(outcome.result.long_wait_steps_max, 0U);
    EXPECT_LE(outcome.result.long_wait_steps_max, bound) << slabs;
    EXPECT_EQ(outcome.result.requests[1].phase, RequestPhase::finished);
  }
}

TEST(Server, AttentionOverALongerContextTakesLonger) {
  ModelShape model;
  model.hidden_size = 64;
  model.kv.push_back({KvKind::grouped_query, 2, 8, 64, 0, 0, 0});
  model.kv.push_back({KvKind::sliding_window, 2, 8, 64, 0, 0, 16});
  const AttentionCost cost(model, Dtype::bf16);
  constexpr std::uint64_t token_bytes = 2 * 8 * 64 * 2;
  AttentionWork decode;
  cost.add(1, 100, decode);
  EXPECT_EQ(decode.bytes, 2 * token_bytes * (100 + 16));
  EXPECT_EQ(decode.flops, 2ULL * 4 * 64 * (100 + 16));
  AttentionWork chunk;
  cost.add(10, 100, chunk);  // the chunk's tokens see 91 to 100 tokens, 95.5 on average
  EXPECT_EQ(chunk.bytes, 2 * token_bytes * (100 + 16 + 9));
  EXPECT_EQ(chunk.flops, static_cast<std::uint64_t>(2 * 4 * 64 * (95.5 + 16) * 10));
}

TEST(ServeResult, ARequestIsGoodWithinBothLimitsOnly) {
  const ServeLimits limits{100, 10};
  ServedRequest request;
  request.phase = RequestPhase::finished;
  request.arrival_ns = 1000;
  request.output_tokens = 5;
  request.first_token_ns = 1100;
  request.last_token_ns = 1140;
  EXPECT_TRUE(is_good(request, limits));
  request.last_token_ns = 1141;
  EXPECT_FALSE(is_good(request, limits));
  request.last_token_ns = 1140;
  request.first_token_ns = 1101;
  EXPECT_FALSE(is_good(request, limits));
  request.first_token_ns = 1100;
  request.phase = RequestPhase::cancelled;
  EXPECT_FALSE(is_good(request, limits));
}

}  // namespace
}  // namespace prophet::engine_test
