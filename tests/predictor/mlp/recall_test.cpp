// What the learned predictor recalls on recorded routing that it has not seen.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <vector>

#include "predictor/measure_recall.hpp"
#include "predictor/mlp/mlp_predictor.hpp"
#include "predictor/trained/train_predictor.hpp"
#include "runtime/base/random.hpp"
#include "runtime/trace/load_trace.hpp"

namespace prophet::testing {
namespace {

const std::filesystem::path root = PROPHET_SOURCE_DIR;

struct Halves {
  std::vector<SequenceId> train;
  std::vector<SequenceId> test;
};

/// Sequences without looping or repeated text, in turn for training and for the test.
Halves halves_of(const RoutingTrace& trace) {
  Halves halves;
  for (std::uint32_t s = 0; s < trace.sequences().size(); ++s) {
    const SequenceInfo& info = trace.sequences()[s];
    if ((info.flags & (sequence_flags::repetitive | sequence_flags::duplicate)) != 0) continue;
    (halves.train.size() > halves.test.size() ? halves.test : halves.train).emplace_back(s);
  }
  return halves;
}

std::vector<RecallAhead> recall(const RoutingTrace& trace, const Halves& halves, const PredictorTraining& how,
                                float adapt_rate = 0) {
  MlpPredictor predictor(train_predictor(trace, halves.train, how).mlp, {1, nullptr, adapt_rate});
  const std::vector<RecallAhead> all = measure_recall(predictor, trace, halves.test, 3);
  for (const RecallAhead& one : all) {
    std::cout << one.ahead << " ahead: recall@k " << one.within.recall_k() << ", recall@2k "
              << one.within.recall_2k() << ", loss " << one.within.loss() << "; into the next token "
              << one.across.recall_k() << '\n';
  }
  return all;
}

// The sample model's routing, by a training that is much shorter than the command's: a floor.
TEST(LearnedRecall, OfTheSampleModelBeatsEverySimplePredictorByFar) {
  const RoutingTrace trace = load_trace(root / "data/sample_model/traces/sample-train.ptrace");
  PredictorTraining quick;
  quick.mlp.wish.hidden = 32;
  quick.mlp.net.epochs = 3;
  quick.use.epochs = 1;
  quick.use.hidden_units = 0;
  quick.threads = 2;
  const auto all = recall(trace, halves_of(trace), quick);
  EXPECT_GT(all[0].within.recall_k(), 0.60);
  EXPECT_GT(all[0].within.recall_2k(), 0.80);
  EXPECT_GT(all[2].within.recall_k(), 0.55);
  EXPECT_LT(all[0].within.recall_k(), 0.95) << "more than is known to be possible: does it see the future?";
  EXPECT_GT(all[0].across.recall_k(), 0.40);
}

// Minutes: with PROPHET_LONG only. The targets that were set before anything was trained.
TEST(LearnedRecall, OfGptOssReachesItsTargets) {
  const auto path = root / "../shared/traces/gpt-oss-20b.decode.mrt.xz";
  if (std::getenv("PROPHET_LONG") == nullptr)
    GTEST_SKIP() << "minutes of training: scripts/test --long runs it";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const RoutingTrace trace = load_trace(path);
  PredictorTraining as_the_command;
  as_the_command.use.epochs = 1;  // not what is measured here
  as_the_command.threads = 2;
  const auto all = recall(trace, halves_of(trace), as_the_command);
  EXPECT_GT(all[0].within.recall_k(), 0.78);
  EXPECT_GT(all[0].within.recall_2k(), 0.93);
  EXPECT_GT(all[1].within.recall_k(), 0.75);
  EXPECT_GT(all[2].within.recall_k(), 0.72);
  EXPECT_LT(all[0].within.recall_k(), 0.90) << "does it see the future?";
}

}  // namespace
}  // namespace prophet::testing
