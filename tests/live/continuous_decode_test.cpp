#include "runtime/engine/live/continuous_decode.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/device/cpu_device.hpp"
#include "tests/live/live_rig.hpp"
#include "tests/support/decoder_fixture.hpp"

namespace prophet::testing {
namespace {

constexpr std::uint32_t lanes = 3;
constexpr std::uint32_t context = 64;

LiveRequest request(std::vector<std::uint32_t> prompt, std::uint32_t new_tokens) {
  LiveRequest made;
  made.prompt = std::move(prompt);
  made.new_tokens_max = new_tokens;
  return made;
}

std::vector<std::uint32_t> prompt(std::uint32_t tokens, std::uint32_t first) {
  std::vector<std::uint32_t> ids(tokens);
  for (std::uint32_t t = 0; t < tokens; ++t) ids[t] = (first + 7 * t * t) % 96;
  return ids;
}

/// Requests of many lengths: more than there are lanes, so that lanes are taken again.
std::vector<LiveRequest> mixed_requests() {
  std::vector<LiveRequest> all;
  for (std::uint32_t r = 0; r < 9; ++r) all.push_back(request(prompt(1 + 5 * r % 17, r), 1 + 11 * r % 23));
  return all;
}

class ContinuousDecoding : public ::testing::Test {
 protected:
  void SetUp() override {
    RigOptions options;
    options.lanes = lanes;
    options.context_tokens = context;
    options.tokens_max = context;
    rig_ = std::make_unique<LiveRig>(*device_, live_folder() / "models" / "olmoe-tiny", options);
  }
  std::vector<Continuation> decode(const std::vector<LiveRequest>& requests, DecodeOptions options,
                                   std::vector<std::uint32_t> eos = {},
                                   ContinuousDecode::OnToken on_token = {}) {
    ContinuousDecode decoding(rig_->loop(), rig_->model(), requests, eos, context, options,
                              std::move(on_token));
    while (decoding.step()) {
    }
    return {decoding.continuations().begin(), decoding.continuations().end()};
  }
  std::string refusal(const std::vector<LiveRequest>& requests, DecodeOptions options = {}) {
    try {
      (void)decode(requests, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      return error.what();
    }
    return "accepted";
  }
  static DecodeOptions in_lanes(std::uint32_t count, std::uint32_t chunk = 512) {
    DecodeOptions options;
    options.lanes = count;
    options.prefill_chunk_tokens = chunk;
    return options;
  }

  std::unique_ptr<Device> device_ = make_cpu_device({});
  std::unique_ptr<LiveRig> rig_;
};

TEST_F(ContinuousDecoding, GivesEachRequestWhatItGetsAloneHoweverManyLanesThereAre) {
  const std::vector<LiveRequest> requests = mixed_requests();
  const std::vector<Continuation> together = decode(requests, in_lanes(lanes, 4));
  for (std::size_t r = 0; r < requests.size(); ++r) {
    const std::vector<Continuation> alone = decode({requests[r]}, in_lanes(1));
    EXPECT_EQ(together[r].tokens, alone[0].tokens) << r;
    EXPECT_EQ(together[r].tokens.size(), requests[r].new_tokens_max);
    EXPECT_FALSE(together[r].ended);
  }
}

TEST_F(ContinuousDecoding, LanesThatAreDoneTakeTheNextRequestAtOnce) {
  const std::vector<LiveRequest> requests = mixed_requests();
  std::vector<std::size_t> started;
  std::vector<std::uint32_t> left(requests.size());
  std::size_t running = 0;
  (void)decode(requests, in_lanes(lanes), {}, [&](const NewToken& token) {
    const std::size_t r = token.request;
    if (left[r] == 0) {
      started.push_back(r);
      left[r] = requests[r].new_tokens_max;
      ++running;
      EXPECT_LE(running, lanes);
    }
    if (--left[r] == 0) --running;
  });
  std::vector<std::size_t> in_order(requests.size());
  for (std::size_t r = 0; r < in_order.size(); ++r) in_order[r] = r;
  EXPECT_EQ(started, in_order);
  // As many steps as the fullest use of three lanes asks for: no lane stood idle while a request waited.
  const ReplayMetrics& metrics = rig_->loop().finish();
  std::vector<std::uint64_t> busy_until(lanes, 0);
  for (const LiveRequest& each : requests)
    *std::min_element(busy_until.begin(), busy_until.end()) += each.new_tokens_max - 1;
  EXPECT_EQ(metrics.steps, *std::max_element(busy_until.begin(), busy_until.end()));
  EXPECT_EQ(metrics.prefill_passes, requests.size());
}

TEST_F(ContinuousDecoding, SamplesAreAFunctionOfTheRequestNotOfItsLane) {
  const std::vector<LiveRequest> requests = mixed_requests();
  DecodeOptions one = in_lanes(1);
  DecodeOptions three = in_lanes(lanes);
  one.sampling.temperature = three.sampling.temperature = 1.5;
  one.sampling.seed = three.sampling.seed = 7;
  const std::vector<Continuation> a = decode(requests, one);
  const std::vector<Continuation> b = decode(requests, three);
  const std::vector<Continuation> greedy = decode(requests, in_lanes(1));
  for (std::size_t r = 0; r < requests.size(); ++r) EXPECT_EQ(a[r].tokens, b[r].tokens) << r;
  EXPECT_NE(a.back().tokens, greedy.back().tokens);
}

TEST_F(ContinuousDecoding, AnEndTokenEndsARequestAndIsItsLast) {
  const std::vector<LiveRequest> requests = mixed_requests();
  const std::vector<Continuation> endless = decode(requests, in_lanes(lanes));
  const std::uint32_t eos = endless[8].tokens[endless[8].tokens.size() / 2];
  std::size_t ended = 0;
  const std::vector<Continuation> found = decode(requests, in_lanes(lanes), {1000, eos});
  for (std::size_t r = 0; r < requests.size(); ++r) {
    std::vector<std::uint32_t> expected = endless[r].tokens;
    const auto end = std::find(expected.begin(), expected.end(), eos);
    EXPECT_EQ(found[r].ended, end != expected.end()) << r;
    if (end != expected.end()) expected.erase(end + 1, expected.end());
    EXPECT_EQ(found[r].tokens, expected) << r;
    ended += found[r].ended ? 1U : 0U;
  }
  EXPECT_GE(ended, 1U);
  DecodeOptions past = in_lanes(lanes);
  past.stops_at_eos = false;
  const std::vector<Continuation> ignored = decode(requests, past, {eos});
  for (std::size_t r = 0; r < requests.size(); ++r) EXPECT_EQ(ignored[r].tokens, endless[r].tokens);
}

TEST_F(ContinuousDecoding, ForcedTokensStandInThePlaceOfSampledOnesAsFarAsTheyGo) {
  LiveRequest forced = request(prompt(5, 3), 8);
  forced.forced = {11, 22, 33};
  const std::vector<Continuation> found = decode({forced}, in_lanes(1));
  LiveRequest read = request(forced.prompt, 5);
  read.prompt.insert(read.prompt.end(), forced.forced.begin(), forced.forced.end());
  std::vector<std::uint32_t> expected = forced.forced;
  const std::vector<Continuation> rest = decode({read}, in_lanes(1));
  expected.insert(expected.end(), rest[0].tokens.begin(), rest[0].tokens.end());
  EXPECT_EQ(found[0].tokens, expected);
}

TEST_F(ContinuousDecoding, RequestsForNoTokensRunNothing) {
  const std::vector<LiveRequest> requests{request({1}, 0), request({2}, 2), request({3}, 0)};
  const std::vector<Continuation> found = decode(requests, in_lanes(2));
  EXPECT_TRUE(found[0].tokens.empty());
  EXPECT_EQ(found[1].tokens.size(), 2U);
  EXPECT_TRUE(found[2].tokens.empty());
  EXPECT_EQ(rig_->loop().finish().prefill_passes, 1U);
  EXPECT_TRUE(decode({}, in_lanes(2)).empty());
  EXPECT_EQ(decode({request({1}, 0)}, in_lanes(1))[0].tokens.size(), 0U);
}

TEST_F(ContinuousDecoding, ARequestMayFillTheContextToItsLastToken) {
  const std::vector<Continuation> found = decode({request(prompt(context - 9, 0), 9)}, in_lanes(1));
  EXPECT_EQ(found[0].tokens.size(), 9U);
}

TEST_F(ContinuousDecoding, RequestsThatCannotRunAreNamed) {
  EXPECT_EQ(refusal({request({1}, 1), request({}, 1)}), "prompt 1 is empty: expected at least one token");
  EXPECT_EQ(refusal({request(prompt(context, 0), 1)}),
            "prompt 0: 64 tokens and 1 new ones, expected at most 64 together: the context");
  EXPECT_NE(refusal({request({1}, 0xffffffffU)}).find("4294967295 new ones"), std::string::npos);
  EXPECT_EQ(refusal({request({1}, 1)}, in_lanes(0)),
            "decoding: expected at least one lane and one token a prefill pass");
  EXPECT_EQ(refusal({request({1}, 1)}, in_lanes(1, 0)),
            "decoding: expected at least one lane and one token a prefill pass");
  EXPECT_NE(refusal({request({96}, 1)}).find("an id below 96"), std::string::npos);
}

TEST_F(ContinuousDecoding, MoreThanTheModelWasMadeForIsRefused) {
  EXPECT_NE(refusal({request({1}, 3), request({1}, 3), request({1}, 3), request({1}, 3)}, in_lanes(4))
                .find("a lane below 3"),
            std::string::npos);
}

}  // namespace
}  // namespace prophet::testing
