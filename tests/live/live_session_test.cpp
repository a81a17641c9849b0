#include "runtime/engine/live/live_session.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "predictor/make_predictor.hpp"
#include "prophet/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/cache/make_policy.hpp"
#include "tests/engine/scenario.hpp"
#include "tests/live/identity_pool.hpp"
#include "tests/live/rewritten_model.hpp"
#include "tests/support/decoder_fixture.hpp"

namespace prophet::testing {
namespace {

std::filesystem::path model(const char* name) {
  return live_folder() / "models" / name;
}

std::vector<LiveRequest> some_requests() {
  std::vector<LiveRequest> all(5);
  for (std::uint32_t r = 0; r < all.size(); ++r) {
    for (std::uint32_t t = 0; t < 5 + 6 * r; ++t) all[r].prompt.push_back((3 * r + 5 * t * t) % 96);
    all[r].new_tokens_max = 12 + 3 * r;
  }
  return all;
}

LiveSessionOptions some_options() {
  LiveSessionOptions options;
  options.model = model("olmoe-tiny");
  options.decode.lanes = 2;
  options.decode.prefill_chunk_tokens = 8;
  return options;
}

ReplayCase tight_case() {
  ReplayCase what;
  what.slabs = 5;
  what.staging_slabs = 2;
  return what;
}

/// The code and the sentence that a session ends with, or "made".
std::pair<ErrorCode, std::string> refusal(const LiveSessionOptions& options,
                                          const std::vector<LiveRequest>& requests = some_requests()) {
  try {
    LiveSession session(options, requests);
    (void)session.run(tight_case());
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {ErrorCode::check_failed, "made"};
}

TEST(LiveSession, EveryPolicyAndPredictorGeneratesTheSameFromTheSameLogits) {
  Random random(5);
  const IdentityPool pool(model("olmoe-tiny"), std::nullopt, random);
  LiveSessionOptions options = some_options();
  options.training = &pool.trace();
  options.decode.sampling.temperature = 0.8;
  const std::vector<LiveRequest> requests = some_requests();
  LiveSession session(options, requests);
  const LiveRow resident = session.all_resident();
  EXPECT_EQ(resident.row.metrics.total.miss, 0U);
  for (const std::string& policy : policy_names()) {
    for (const std::string& predictor : predictor_names()) {
      SCOPED_TRACE(policy + " + " + predictor);
      ReplayCase what = tight_case();
      what.policy = policy;
      what.predictor = predictor;
      const LiveRow row = session.run(what);
      EXPECT_EQ(row.row.metrics.outputs_digest, resident.row.metrics.outputs_digest);
      engine_test::expect_same_requests(row.row.metrics, resident.row.metrics);
      engine_test::expect_conserved(row.row.metrics);
      EXPECT_GT(row.row.metrics.total.miss, 0U);
      for (std::size_t r = 0; r < requests.size(); ++r)
        EXPECT_EQ(row.continuations[r].tokens, resident.continuations[r].tokens) << r;
    }
  }
}

TEST(LiveSession, NoCacheMissesLessThanTheClairvoyantOne) {
  LiveSessionOptions options = some_options();
  options.bypass_prefill = false;
  const std::vector<LiveRequest> requests = some_requests();
  LiveSession session(options, requests);
  for (const std::uint32_t slabs : {4U, 7U, 12U}) {
    ReplayCase what = tight_case();
    what.slabs = slabs;
    const ClairvoyantBound bound = session.bound(what);
    for (const char* const policy : {"lru", "lfu", "arc", "belady"}) {
      what.policy = policy;
      EXPECT_GE(session.run(what).row.metrics.total.miss, bound.misses) << policy << ", " << slabs;
    }
    EXPECT_EQ(bound.bytes, bound.misses * session.weights().layout().size_bytes);
  }
}

TEST(LiveSession, BaselinesAreRunOnceAndAreTheSameCase) {
  const std::vector<LiveRequest> requests = some_requests();
  LiveSession session(some_options(), requests);
  const ReplayCase what = tight_case();
  const LiveRow& lru = session.on_demand_lru(what);
  EXPECT_EQ(&session.on_demand_lru(what), &lru);
  EXPECT_EQ(&session.all_resident(), &session.all_resident());
  const LiveRow again = session.run(what);
  EXPECT_EQ(again.row.metrics.total.miss, lru.row.metrics.total.miss);
  EXPECT_EQ(again.row.metrics.bytes.demand, lru.row.metrics.bytes.demand);
  EXPECT_EQ(session.requests_of_experts().requests(), lru.row.metrics.total.requests);
}

TEST(LiveSession, TokensArriveAsTheyAreMadeAndTheSinkSeesEveryLayer) {
  class CountingSink final : public RoutingSink {
   public:
    void on_layer(const RoutedLayer& routed) override { tokens += routed.tokens.size(); }
    std::uint64_t tokens = 0;
  };
  const std::vector<LiveRequest> requests = some_requests();
  LiveSession session(some_options(), requests);
  std::vector<std::vector<std::uint32_t>> told(requests.size());
  CountingSink sink;
  const LiveRow row = session.run(
      tight_case(), [&](const NewToken& token) { told[token.request].push_back(token.id); }, &sink);
  for (std::size_t r = 0; r < requests.size(); ++r) EXPECT_EQ(told[r], row.continuations[r].tokens);
  EXPECT_EQ(sink.tokens, row.row.metrics.tokens * session.weights().config().shape.grid.layers);
}

TEST(LiveSession, ATimelineHoldsTheOperationsOfAStep) {
  LiveSessionOptions options = some_options();
  options.record_timeline = true;
  const std::vector<LiveRequest> requests = some_requests();
  LiveSession session(options, requests);
  (void)session.run(tight_case());
  const auto path = std::filesystem::temp_directory_path() /
                    ("prophet_live_timeline_" + std::to_string(::getpid()) + ".json");
  session.write_timeline(path.string());
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::filesystem::remove(path);
  for (const char* const operation : {"expert", "attention", "kv_append", "route", "mix", "copy"})
    EXPECT_NE(text.find(operation), std::string::npos) << operation;
}

TEST(LiveSession, TheSimIsRefused) {
  LiveSessionOptions options = some_options();
  options.device = "sim:h100-80gb";
  const auto [code, sentence] = refusal(options);
  EXPECT_EQ(code, ErrorCode::usage);
  EXPECT_NE(sentence.find("computes nothing: expected the device cpu or cuda"), std::string::npos)
      << sentence;
}

TEST(LiveSession, EveryMissingTensorAndEveryWrongShapeIsNamed) {
  const std::vector<std::string> missing{"model.norm.weight", "model.layers.0.self_attn.q_proj.weight",
                                         "model.layers.1.mlp.experts.7.up_proj.weight"};
  const RewrittenModel broken(model("olmoe-tiny"), [&](std::vector<WrittenTensor>& tensors) {
    std::erase_if(tensors, [&](const WrittenTensor& tensor) {
      return std::find(missing.begin(), missing.end(), tensor.name) != missing.end();
    });
    std::swap(tensor_of(tensors, "lm_head.weight").shape[0], tensor_of(tensors, "lm_head.weight").shape[1]);
  });
  LiveSessionOptions options = some_options();
  options.model = broken.folder();
  const auto [code, sentence] = refusal(options);
  EXPECT_EQ(code, ErrorCode::bad_input);
  for (const std::string& name : missing) EXPECT_NE(sentence.find(name), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("lm_head.weight"), std::string::npos) << sentence;
}

TEST(LiveSession, ATraceOfAnotherModelTeachesNothing) {
  Random random(6);
  const IdentityPool pool(model("mixtral-tiny"), std::nullopt, random);
  LiveSessionOptions options = some_options();
  options.training = &pool.trace();
  const auto [code, sentence] = refusal(options);
  EXPECT_EQ(code, ErrorCode::bad_input);
  EXPECT_EQ(sentence,
            "the trace to learn from has 2 MoE layers x 8 experts, top-2: expected the model's 2 x 8, top-4");
}

TEST(LiveSession, PredictorsThatLearnWantATrace) {
  const std::vector<LiveRequest> requests = some_requests();
  LiveSession session(some_options(), requests);
  for (const std::string& predictor : predictor_names()) {
    ReplayCase what = tight_case();
    what.predictor = predictor;
    if (predictor_needs_training(predictor)) {
      EXPECT_THROW((void)session.run(what), Error) << predictor;
    } else {
      EXPECT_NO_THROW((void)session.run(what)) << predictor;
    }
  }
  ReplayCase by_popularity = tight_case();
  by_popularity.policy = "static";
  EXPECT_THROW((void)session.run(by_popularity), Error);
}

TEST(LiveSession, RequestsBeyondTheContextAreRefused) {
  std::vector<LiveRequest> requests = some_requests();
  requests[3].new_tokens_max = 0xfffffff0U;
  const auto [code, sentence] = refusal(some_options(), requests);
  EXPECT_EQ(code, ErrorCode::usage);
  EXPECT_NE(sentence.find("prompt 3"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("the context"), std::string::npos) << sentence;
}

TEST(LiveSession, SlabCountsOutOfRangeAreRefused) {
  const std::vector<LiveRequest> requests = some_requests();
  LiveSession session(some_options(), requests);
  for (const std::uint32_t slabs : {0U, 17U}) {
    ReplayCase what = tight_case();
    what.slabs = slabs;
    try {
      (void)session.run(what);
      FAIL() << slabs << " slabs were accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_NE(std::string(error.what()).find("expected 1 to 16"), std::string::npos) << error.what();
    }
  }
}

TEST(LiveSession, ADeviceThatCannotHoldWhatIsNoExpertIsOutOfMemory) {
  LiveSessionOptions options = some_options();
  options.device_options.memory_bytes = 64 << 10;
  EXPECT_EQ(refusal(options).first, ErrorCode::out_of_memory);
}

TEST(LiveSession, WhereNotEveryExpertFitsTheAllResidentRowSaysThatItDidNotRun) {
  LiveSessionOptions options = some_options();
  const std::vector<LiveRequest> requests = some_requests();
  LiveSession roomy(options, requests);
  const ReplayRow full = roomy.all_resident().row;
  options.device_options.memory_bytes = full.device_bytes - full.slab_bytes / 2;
  LiveSession tight(options, requests);
  EXPECT_FALSE(tight.all_resident().row.ran);
  const LiveRow row = tight.run(tight_case());
  EXPECT_TRUE(row.row.ran);
  EXPECT_EQ(row.row.metrics.outputs_digest, full.metrics.outputs_digest);
}

}  // namespace
}  // namespace prophet::testing
