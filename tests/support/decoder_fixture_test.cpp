#include "tests/support/decoder_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <numeric>
#include <set>
#include <stdexcept>

namespace prophet::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Lt;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

class TinyModels : public ::testing::TestWithParam<const char*> {
 protected:
  const DecoderFixture fixture_ = load_decoder_fixture(live_folder() / "fixtures" / GetParam());
};

TEST_P(TinyModels, HaveFourPromptsOf256TokensAnd200More) {
  EXPECT_EQ(fixture_.model, GetParam());
  ASSERT_THAT(fixture_.prompts, SizeIs(4));
  EXPECT_EQ(fixture_.prompt_tokens(), 256);
  for (const DecodedPrompt& prompt : fixture_.prompts) {
    EXPECT_THAT(prompt.ids, SizeIs(256));
    EXPECT_THAT(prompt.ids, Each(Lt(fixture_.vocab)));
    EXPECT_THAT(prompt.continuation, SizeIs(200));
    EXPECT_THAT(prompt.continuation, Each(Lt(fixture_.vocab)));
  }
}

TEST_P(TinyModels, ContinueWithTheLargestLogitOfTheLastPosition) {
  for (std::size_t p = 0; p < fixture_.prompts.size(); ++p) {
    const auto logits = fixture_.logits(p, fixture_.prompt_tokens() - 1);
    EXPECT_EQ(std::ranges::max_element(logits) - logits.begin(), fixture_.prompts[p].continuation.front());
  }
}

TEST_P(TinyModels, RouteEachTokenToDistinctExpertsLargestWeightFirst) {
  for (std::size_t p = 0; p < fixture_.prompts.size(); ++p)
    for (std::size_t layer = 0; layer < fixture_.sparse_layers.size(); ++layer)
      for (std::size_t token = 0; token < fixture_.prompt_tokens(); ++token) {
        const auto ids = fixture_.expert_ids(p, layer, token);
        const auto weights = fixture_.expert_weights(p, layer, token);
        ASSERT_THAT(ids, Each(Lt(fixture_.experts)));
        ASSERT_THAT(std::set(ids.begin(), ids.end()), SizeIs(fixture_.top_k));
        ASSERT_TRUE(std::ranges::is_sorted(weights, std::greater<>()));
        ASSERT_GT(weights.back(), 0);
        ASSERT_LT(std::accumulate(weights.begin(), weights.end(), 0.0), 1 + std::exp2(-16));
      }
}

INSTANTIATE_TEST_SUITE_P(Families, TinyModels,
                         ::testing::Values("olmoe-tiny", "qwen2-moe-tiny", "qwen3-moe-tiny", "mixtral-tiny"),
                         [](const auto& name) {
                           std::string text = name.param;
                           std::ranges::replace(text, '-', '_');
                           return text;
                         });

/// A fixture of one prompt of one token, made by hand.
class HandMade : public ::testing::Test {
 protected:
  HandMade() { std::filesystem::create_directories(folder_); }
  ~HandMade() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& arrays) const {
    std::ofstream(folder_ / "arrays.bin", std::ios::binary) << arrays;
    std::ofstream(folder_ / "manifest.json") << R"({"format": "prophet decoder fixture", "version": 1,
      "model": {"name": "hand-made", "layers": 3, "experts": 8, "top_k": 1, "vocab": 2}, "sparse_layers": [0, 2],
      "arrays": {
       "prompts": {"encoding": "u16", "shape": [1, 1], "offset_bytes": 0, "bytes": 2},
       "continuations": {"encoding": "u16", "shape": [1, 2], "offset_bytes": 2, "bytes": 4},
       "expert_ids": {"encoding": "u8", "shape": [1, 2, 1, 1], "offset_bytes": 6, "bytes": 2},
       "expert_weights": {"encoding": "f24", "shape": [1, 2, 1, 1], "offset_bytes": 8, "bytes": 6},
       "logits": {"encoding": "f24", "shape": [1, 1, 2], "offset_bytes": 14, "bytes": 6}}})";
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string("prophet-fixture-") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

constexpr char arrays[] =
    "\x02\x01"
    "\x03\x00\x00\x04"
    "\x07\x05"
    "\x00\x80\x3f"
    "\x00\x00\x3f"
    "\x00\x20\xc0"
    "\x01\x80\x3f";

TEST_F(HandMade, FixtureIsReadToTheBit) {
  write(std::string(arrays, sizeof arrays - 1));
  const DecoderFixture fixture = load_decoder_fixture(folder_);
  EXPECT_THAT(fixture.sparse_layers, ElementsAre(0, 2));
  EXPECT_THAT(fixture.prompts.at(0).ids, ElementsAre(0x102));
  EXPECT_THAT(fixture.prompts.at(0).continuation, ElementsAre(3, 0x400));
  EXPECT_THAT(fixture.expert_ids(0, 1, 0), ElementsAre(5));
  EXPECT_THAT(fixture.expert_weights(0, 0, 0), ElementsAre(1.0F));
  EXPECT_THAT(fixture.expert_weights(0, 1, 0), ElementsAre(0.5F));
  EXPECT_THAT(fixture.logits(0, 0), ElementsAre(-2.5F, 1.0F + 0x1p-15F));
  EXPECT_THROW(static_cast<void>(fixture.logits(0, 1)), std::runtime_error);
}

TEST_F(HandMade, FixtureThatIsCutShortIsRefused) {
  write(std::string(arrays, sizeof arrays - 2));
  EXPECT_THAT([&] { static_cast<void>(load_decoder_fixture(folder_)); },
              ThrowsMessage<std::runtime_error>(HasSubstr("too few for logits")));
}

TEST(RelativeDifference, IsOfTheLargestExpectedAndNeverHidesNan) {
  const std::vector<float> expected{1, -4};
  EXPECT_EQ(relative_difference(std::vector<float>{1.5F, -4}, expected), 0.125);
  EXPECT_EQ(relative_difference(expected, expected), 0);
  EXPECT_TRUE(std::isinf(relative_difference(std::vector<float>{std::nanf(""), -4}, expected)));
  EXPECT_TRUE(std::isinf(relative_difference(std::vector<float>{1}, expected)));
}

}  // namespace
}  // namespace prophet::testing
