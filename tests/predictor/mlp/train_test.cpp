#include "predictor/mlp/train_mlp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "predictor/measure_recall.hpp"
#include "predictor/mlp/descent.hpp"
#include "predictor/mlp/lane_history.hpp"
#include "predictor/mlp/mlp_predictor.hpp"
#include "predictor/mlp/net_samples.hpp"
#include "predictor/trained/predictor_file.hpp"
#include "predictor/trained/train_predictor.hpp"
#include "prophet/error.hpp"
#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

constexpr ExpertGrid grid{4, 16};
constexpr std::uint32_t top_k = 2;
const std::vector<SequenceId> training{SequenceId{0}, SequenceId{2}, SequenceId{3}};

PredictorTraining quick(std::uint64_t seed, std::uint32_t threads) {
  PredictorTraining all;
  all.mlp.wish.hidden = 16;
  all.mlp.net.epochs = 2;
  all.use.epochs = 1;
  all.seed = seed;
  all.threads = threads;
  return all;
}

class TrainMlp : public ::testing::Test {
 protected:
  const std::uint64_t seed = announced_seed();
  Random random{seed};
  const RoutingTrace trace = random_trace(random, grid, top_k, {40, 30, 35, 20, 25});
};

TEST_F(TrainMlp, GivesTheSameBytesWhateverTheThreads) {
  SCOPED_TRACE(seed);
  const auto once = predictor_file_bytes(train_predictor(trace, training, quick(seed, 1)));
  EXPECT_EQ(once, predictor_file_bytes(train_predictor(trace, training, quick(seed, 1))));
  EXPECT_EQ(once, predictor_file_bytes(train_predictor(trace, training, quick(seed, 3))));
  EXPECT_NE(once, predictor_file_bytes(train_predictor(trace, training, quick(seed + 1, 1)))) << "canary";
}

TEST_F(TrainMlp, SeesNothingOfOtherSequences) {
  SCOPED_TRACE(seed);
  const auto with = [&](const std::set<std::size_t>& changed) {
    const RoutingTrace other = trace_of(
        grid, top_k, {40, 30, 35, 20, 25},
        [&](std::size_t sequence, std::uint32_t token, std::uint32_t layer) {
          std::vector<std::uint32_t> same;
          if (changed.contains(sequence)) return random_choice(random, grid.experts, top_k);
          for (const ExpertId e : chosen(trace, trace.sequences()[sequence].first_token + token, layer))
            same.push_back(e.value);
          return same;
        });
    return predictor_file_bytes(train_predictor(other, training, quick(seed, 1)));
  };
  const auto expected = predictor_file_bytes(train_predictor(trace, training, quick(seed, 1)));
  EXPECT_EQ(with({1, 4}), expected);
  EXPECT_NE(with({2}), expected) << "canary: one that trains";
}

/// Each layer's experts follow from the layer before: expert e is followed by e + 1, and a token begins with
/// any two neighbours.
TEST_F(TrainMlp, LearnsWhatFollowsFromWhat) {
  SCOPED_TRACE(seed);
  std::vector<std::uint32_t> begin;
  for (int i = 0; i < 2000; ++i) begin.push_back(static_cast<std::uint32_t>(random.below(grid.experts)));
  const RoutingTrace plain =
      trace_of(grid, top_k, std::vector<std::uint32_t>(20, 50),
               [&](std::size_t sequence, std::uint32_t token, std::uint32_t layer) {
                 const std::uint32_t first = begin[sequence * 50 + token] + layer;
                 return std::vector<std::uint32_t>{first % grid.experts, (first + 1) % grid.experts};
               });
  std::vector<SequenceId> learnt;
  for (std::uint32_t s = 0; s < 16; ++s) learnt.emplace_back(s);
  const std::vector<SequenceId> others{SequenceId{17}, SequenceId{18}};
  PredictorTraining all = quick(seed, 2);
  all.mlp.wish.hidden = 32;
  all.mlp.net.epochs = 30;
  const TrainedPredictor trained = train_predictor(plain, learnt, all);
  MlpPredictor predictor(trained.mlp, {});
  for (const RecallAhead& recall : measure_recall(predictor, plain, others, 3)) {
    EXPECT_GT(recall.within.recall_k(), 0.9) << recall.ahead << " ahead";
    EXPECT_LT(recall.across.recall_k(), 0.5) << "nobody knows where the next token begins";
  }
}

// Routing that nothing foretells but the routers themselves, which are told two layers ahead.
TEST_F(TrainMlp, LearnsToHearRoutersAhead) {
  SCOPED_TRACE(seed);
  const RoutingTrace drawn = random_trace(random, grid, top_k, std::vector<std::uint32_t>(18, 60));
  AheadChoices routers{grid.layers, 2, top_k, {}};
  for (std::uint64_t row = 0; row < drawn.tokens(); ++row) {
    for (std::uint32_t l = 0; l < grid.layers; ++l) {
      for (std::uint32_t ahead = 1; ahead <= 2; ++ahead) {
        for (std::uint32_t r = 0; r < top_k; ++r) {
          const bool same_token = l + ahead < grid.layers;
          routers.ids.push_back(
              same_token ? static_cast<std::uint16_t>(drawn.expert(row, LayerId{l + ahead}, r).value)
                         : AheadChoices::none);
        }
      }
    }
  }
  std::vector<SequenceId> learnt;
  for (std::uint32_t s = 0; s < 16; ++s) learnt.emplace_back(s);
  const std::vector<SequenceId> others{SequenceId{16}, SequenceId{17}};
  PredictorTraining all = quick(seed, 2);
  all.mlp.wish.hidden = 32;
  all.mlp.wish.groups = {
      .layers_back = 1, .first_back = 0, .early = 0, .tokens_back = 0, .popular = 0, .ahead = 2};
  all.mlp.net.epochs = 30;
  const TrainedPredictor trained = train_predictor(drawn, learnt, all, {}, {}, &routers);
  MlpPredictor predictor(trained.mlp, {});
  EXPECT_EQ(predictor.wants_ahead(), 3U);
  const auto heard = measure_recall(predictor, drawn, others, 3, &routers);
  EXPECT_GT(heard[0].within.recall_k(), 0.9);
  EXPECT_GT(heard[1].within.recall_k(), 0.9);
  EXPECT_LT(heard[2].within.recall_k(), 0.5) << "no router was applied so far ahead";
  EXPECT_LT(heard[0].across.recall_k(), 0.5) << "nor to the next token";
  EXPECT_LT(measure_recall(predictor, drawn, others, 3)[0].within.recall_k(), 0.5) << "nobody tells";
  const auto bytes = predictor_file_bytes(trained);
  EXPECT_EQ(parse_predictor_file(bytes, "a file").mlp->shape, trained.mlp->shape);

  PredictorOptions options;
  options.grid = grid;
  options.top_k = top_k;
  options.mlp = trained.mlp;
  EXPECT_THROW((void)make_predictor("mlp", options), Error) << "a trace has no hidden states";
  options.ahead_layers = 1;
  EXPECT_EQ(make_predictor("mlp", options)->wants_ahead(), 1U) << "what is not forecast is not asked for";
}

// A forecast is made before the layers between it and its target are known: training knows no more.
TEST_F(TrainMlp, SeesOfATokenWhatAForecastSees) {
  SCOPED_TRACE(seed);
  MlpWish wish;
  wish.groups.ahead = 4;
  const MlpShape shape = plan_mlp(grid, top_k, wish, learned_parameters_max);
  AheadChoices routers{grid.layers, 2, 2 * top_k, {}};
  routers.ids.resize(trace.tokens() * routers.row_ids());
  for (std::uint16_t& id : routers.ids) id = static_cast<std::uint16_t>(random.below(grid.experts));
  PredictorOptions options;
  options.grid = grid;
  options.top_k = top_k;
  options.trace = &trace;
  options.training_ahead = &routers;
  const std::vector<SequenceId> one{SequenceId{2}};
  options.training = one;
  const TrainingSet set("mlp", options);
  for (std::uint32_t target = 0; target < grid.layers; ++target) {
    const auto samples = net_samples(shape, LayerId{target}, set, set.sequences());
    for (std::uint32_t ahead = 1; ahead <= shape.lookahead_layers; ++ahead) {
      LaneHistory history(grid, top_k, 1, shape.groups, shape.lookahead_layers);
      std::vector<std::uint32_t> ids(shape.ids_per_group);
      std::vector<std::uint16_t> rows;
      const TrainingSequence sequence = set.sequences()[0];
      for (std::uint64_t at = 0; at + ahead < std::uint64_t{sequence.tokens} * grid.layers; ++at) {
        const auto layer = static_cast<std::uint32_t>(at % grid.layers);
        const std::uint64_t row = sequence.first_row + at / grid.layers;
        history.add(LaneId{0}, LayerId{layer}, chosen(trace, row, layer));
        for (std::uint32_t heard = 1; heard <= routers.lookahead_layers; ++heard)
          history.add_ahead(LaneId{0}, LayerId{layer}, heard, routers.of(row, LayerId{layer}, heard));
        if ((layer + ahead) % grid.layers != target) continue;
        for (std::size_t g = 0; g < shape.groups.size(); ++g) {
          history.write(LaneId{0}, shape.groups[g], LayerId{target}, ahead, ids);
          for (const std::uint32_t id : ids)
            if (id < grid.experts) rows.push_back(static_cast<std::uint16_t>(g * grid.experts + id));
        }
      }
      EXPECT_EQ(samples[ahead - 1].rows, rows) << "target " << target << ", " << ahead << " ahead";
    }
  }
}

TEST_F(TrainMlp, TellsOfEachNetOnce) {
  std::mutex lock;
  std::vector<std::uint32_t> told;
  PredictorTraining all = quick(1, 2);
  (void)train_predictor(trace, training, all, {}, [&](std::uint32_t done, std::uint32_t in_all) {
    const std::lock_guard guard(lock);
    told.push_back(done);
    EXPECT_EQ(in_all, grid.layers * 3);
  });
  EXPECT_EQ(told.size(), grid.layers * 3);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
}

TEST_F(TrainMlp, TrainsOnOneTokenAndWhereEveryExpertIsChosen) {
  const RoutingTrace one = random_trace(random, {1, 1}, 1, {1});
  EXPECT_NO_THROW((void)train_predictor(one, std::vector{SequenceId{0}}, quick(1, 1)));
  const RoutingTrace all = random_trace(random, {2, 4}, 4, {9, 9});
  EXPECT_NO_THROW((void)train_predictor(all, std::vector{SequenceId{0}}, quick(1, 1)));
}

TEST_F(TrainMlp, RefusesNoEpochsAndNoThreads) {
  PredictorTraining none = quick(1, 1);
  none.mlp.net.epochs = 0;
  EXPECT_THROW((void)train_predictor(trace, training, none), Error);
  EXPECT_THROW((void)train_predictor(trace, training, quick(1, 0)), Error);
}

TEST(Descent, DotIsTheSumOfProducts) {
  const std::vector<float> a{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  EXPECT_EQ(descent::dot(a.data(), a.data(), a.size()), 506.0F);
  EXPECT_EQ(descent::dot(a.data(), a.data(), 3), 14.0F);
}

// With a constant gradient a step is the learning rate, whatever the gradient's size.
TEST(Descent, AdamStepsByItsRateAndUsesUpTheGradient) {
  std::vector<float> weights(20, 1.0F);
  std::vector<float> gradient(20, 0.5F);
  std::vector<float> mean(20);
  std::vector<float> square(20);
  descent::adam(weights.data(), gradient.data(), mean.data(), square.data(), 20,
                {0.01F / 0.1F, 1.0F / 0.001F, 0.25F});
  for (const float weight : weights) EXPECT_NEAR(weight, 0.74F, 1e-4);
  EXPECT_THAT(gradient, ::testing::Each(0.0F));
}

}  // namespace
}  // namespace prophet::testing
