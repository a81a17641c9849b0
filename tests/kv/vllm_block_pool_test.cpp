#include <gtest/gtest.h>

#include <iostream>

#include "tests/kv/vllm_replay.hpp"
#include "tests/kv/vllm_scenarios.hpp"

namespace prophet {
namespace {

using testing::VllmDifferences;

/// What was compared with vLLM, of one kind: differences, and how much there was to differ in.
struct Comparison {
  std::size_t scenarios = 0;
  std::size_t operations = 0;
  std::size_t left_out = 0;  ///< operations behind a difference
  std::size_t blocks = 0;    ///< that vLLM gave out, hit or evicted
};

/// Replays every scenario up to its first difference of any kind, and fails for those of the kind `of`.
/// `blocks` counts an operation's blocks that could differ, which are `what`.
template <class Blocks>
Comparison replay_all(std::string VllmDifferences::*of, const char* what, Blocks blocks) {
  static const auto fixture = testing::load_vllm_fixture();
  Comparison comparison;
  for (const auto& scenario : fixture.scenarios) {
    testing::VllmReplay replay(scenario);
    VllmDifferences differences;
    std::size_t at = 0;
    for (; at < scenario.operations.size() && differences.none(); ++at) {
      differences = replay.step(scenario.operations[at]);
      comparison.blocks += blocks(scenario.operations[at]);
    }
    if (differences.none()) differences = replay.finish();
    EXPECT_EQ(differences.*of, "") << "scenario " << scenario.number << ", behind operation " << at
                                   << "; what vLLM did: scripts/make_vllm_block_pool_fixtures.py --show "
                                   << scenario.number;
    comparison.operations += at;
    comparison.left_out += scenario.operations.size() - at;
    ++comparison.scenarios;
    if (::testing::Test::HasFailure()) break;
  }
  std::cout << "compared with vLLM " << fixture.version << ": " << comparison.scenarios << " scenarios, "
            << comparison.operations << " operations, " << comparison.blocks << " blocks " << what << '\n';
  return comparison;
}

TEST(KvIsVllm, AllocatesInItsOrder) {
  const auto compared =
      replay_all(&VllmDifferences::allocation, "allocated", [](const testing::VllmOperation& operation) {
        return operation.allocated.value_or(testing::VllmOperation::Ids{}).size();
      });
  EXPECT_GE(compared.scenarios, 1000U);
  EXPECT_EQ(compared.left_out, 0U);
  EXPECT_GE(compared.blocks, 10000U);
}

TEST(KvIsVllm, HitsItsPrefixes) {
  const auto compared =
      replay_all(&VllmDifferences::hits, "hit",
                 [](const testing::VllmOperation& operation) { return operation.hits.size(); });
  EXPECT_GE(compared.scenarios, 1000U);
  EXPECT_EQ(compared.left_out, 0U);
  EXPECT_GE(compared.blocks, 10000U);
}

TEST(KvIsVllm, EvictsInItsOrder) {
  const auto compared =
      replay_all(&VllmDifferences::eviction, "evicted",
                 [](const testing::VllmOperation& operation) { return operation.evicted.size(); });
  EXPECT_GE(compared.scenarios, 1000U);
  EXPECT_EQ(compared.left_out, 0U);
  EXPECT_GE(compared.blocks, 5000U);
}

}  // namespace
}  // namespace prophet
