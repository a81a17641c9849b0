// A token's logits depend on its own sequence alone: not on who shares its steps, nor on how its prompt was
// cut into passes, nor on what kind of step it ran in. Bit for bit, on the cpu device.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/random.hpp"
#include "runtime/device/cpu_device.hpp"
#include "tests/live/live_rig.hpp"
#include "tests/memory/random_run.hpp"
#include "tests/support/decoder_fixture.hpp"

namespace prophet::testing {
namespace {

constexpr std::uint32_t lanes = 4;
constexpr std::uint32_t context_tokens = 80;

/// As bits: NaN equals itself, and -0 is not 0.
std::vector<std::uint32_t> bits(std::span<const float> values) {
  std::vector<std::uint32_t> all(values.size());
  std::transform(values.begin(), values.end(), all.begin(),
                 [](float v) { return std::bit_cast<std::uint32_t>(v); });
  return all;
}

class BatchInvariance : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    RigOptions options;
    options.lanes = lanes;
    options.context_tokens = context_tokens;
    options.tokens_max = context_tokens * lanes;
    rig_ = std::make_unique<LiveRig>(*device_, live_folder() / "models" / GetParam(), options);
  }
  [[nodiscard]] std::vector<std::uint32_t> draw_ids(std::uint32_t tokens) {
    std::vector<std::uint32_t> ids(tokens);
    const std::uint32_t vocab = rig_->weights().config().architecture.vocab_size;
    for (std::uint32_t& id : ids) id = static_cast<std::uint32_t>(random_.below(vocab));
    return ids;
  }
  /// Of one sequence alone in lane 0 in one pass, a vector a position.
  [[nodiscard]] std::vector<std::vector<std::uint32_t>> alone(std::span<const std::uint32_t> ids) {
    const std::vector<float> logits = rig_->logits_of(ids, static_cast<std::uint32_t>(ids.size()));
    const std::size_t vocab = logits.size() / ids.size();
    std::vector<std::vector<std::uint32_t>> rows;
    for (std::size_t t = 0; t < ids.size(); ++t)
      rows.push_back(bits(std::span(logits).subspan(t * vocab, vocab)));
    return rows;
  }

  Random random_{testing_support::fresh_seed()};
  std::unique_ptr<Device> device_ = make_cpu_device({});
  std::unique_ptr<LiveRig> rig_;
};

TEST_P(BatchInvariance, OfAPromptCutIntoPassesOfAnySizeAndKind) {
  const std::vector<std::uint32_t> ids = draw_ids(context_tokens);
  const std::vector<std::uint32_t> whole = bits(rig_->logits_of(ids, context_tokens));
  for (const std::uint32_t pass : {1U, 2U, 7U, 16U, 33U, context_tokens - 1}) {
    for (const StepKind kind : {StepKind::prefill, StepKind::decode})
      ASSERT_EQ(bits(rig_->logits_of(ids, pass, kind)), whole) << "passes of " << pass;
  }
}

TEST_P(BatchInvariance, OfSequencesThatDecodeSideBySide) {
  std::vector<std::vector<std::uint32_t>> ids;
  std::vector<std::vector<std::vector<std::uint32_t>>> expected;
  for (std::uint32_t l = 0; l < lanes; ++l) {
    ids.push_back(draw_ids(8 + 7 * l));  // the batch becomes smaller as they end
    expected.push_back(alone(ids.back()));
  }
  for (std::uint32_t t = 0; t < ids.back().size(); ++t) {
    std::vector<LiveToken> inputs;
    for (std::uint32_t l = lanes; l-- > 0;) {
      if (t < ids[l].size()) inputs.push_back({LaneId{l}, ids[l][t], t});
    }
    const std::span<const float> logits = rig_->step(StepKind::decode, inputs);
    const std::size_t vocab = logits.size() / inputs.size();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      ASSERT_EQ(bits(logits.subspan(i * vocab, vocab)), expected[inputs[i].lane.index()][t])
          << "lane " << inputs[i].lane.value << ", position " << t;
    }
  }
}

TEST_P(BatchInvariance, OfALaneWhoseNeighbourTakesAPromptInTheSamePass) {
  const std::vector<std::uint32_t> decoded = draw_ids(24);
  const std::vector<std::uint32_t> prompt = draw_ids(48);
  const auto expected = alone(decoded);
  const auto expected_prompt = alone(prompt);
  for (std::uint32_t t = 0; t < decoded.size(); ++t) {
    std::vector<LiveToken> inputs{{LaneId{2}, decoded[t], t}};
    for (std::uint32_t p = 2 * t; p < 2 * t + 2; ++p) inputs.push_back({LaneId{1}, prompt[p], p});
    const std::span<const float> logits = rig_->step(StepKind::prefill, inputs);
    const std::size_t vocab = logits.size() / inputs.size();
    ASSERT_EQ(bits(logits.subspan(0, vocab)), expected[t]) << t;
    ASSERT_EQ(bits(logits.subspan(vocab, vocab)), expected_prompt[2 * t]) << t;
    ASSERT_EQ(bits(logits.subspan(2 * vocab, vocab)), expected_prompt[2 * t + 1]) << t;
  }
}

TEST_P(BatchInvariance, OfALaneThatHeldALongerSequenceBefore) {
  const std::vector<std::uint32_t> ids = draw_ids(20);
  const std::vector<std::uint32_t> before = bits(rig_->logits_of(ids, 5));
  (void)rig_->logits_of(draw_ids(context_tokens), 16);
  EXPECT_EQ(bits(rig_->logits_of(ids, 1, StepKind::decode)), before);
}

INSTANTIATE_TEST_SUITE_P(Live, BatchInvariance,
                         ::testing::Values("olmoe-tiny", "qwen2-moe-tiny", "qwen3-moe-tiny", "mixtral-tiny"),
                         [](const auto& named) {
                           std::string name = named.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace prophet::testing
