#include "predictor/trained/predictor_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>

#include "predictor/trained/sequence_fingerprint.hpp"
#include "predictor/trained/train_predictor.hpp"
#include "prophet/error.hpp"
#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

constexpr ExpertGrid grid{3, 8};

class PredictorFile : public ::testing::Test {
 protected:
  /// What reading says, or "read".
  static std::string answer(const Bytes& bytes) {
    try {
      (void)parse_predictor_file(bytes, "file");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input) << error.what();
      return error.what();
    }
    return "read";
  }
  /// The file with one stretch of text replaced by another of the same length.
  [[nodiscard]] Bytes replaced(std::string_view from, std::string_view to) const {
    return replaced(from, to, bytes);
  }
  static Bytes replaced(std::string_view from, std::string_view to, Bytes other) {
    EXPECT_EQ(from.size(), to.size());
    const auto text = std::as_bytes(std::span(from));
    const auto at = std::search(other.begin(), other.end(), text.begin(), text.end());
    EXPECT_NE(at, other.end()) << from;
    if (at != other.end()) std::memcpy(&*at, to.data(), to.size());
    return other;
  }

  const std::uint64_t seed = announced_seed();
  Random random{seed};
  const RoutingTrace trace = random_trace(random, grid, 2, {12, 9, 7});
  const TrainedPredictor trained = [this] {
    PredictorTraining quick;
    quick.mlp.wish.hidden = 8;
    quick.mlp.net.epochs = 1;
    quick.use.hidden_units = 8;
    quick.use.hidden_epochs = 1;
    return train_predictor(trace, std::vector{SequenceId{0}, SequenceId{2}}, quick);
  }();
  const Bytes bytes = predictor_file_bytes(trained);
};

TEST_F(PredictorFile, KeepsEveryNumber) {
  const TrainedPredictor back = parse_predictor_file(bytes, "file");
  EXPECT_EQ(*back.mlp, *trained.mlp);
  EXPECT_EQ(back.learnt_from, trained.learnt_from);
  ASSERT_NE(back.use, nullptr);
  EXPECT_EQ(back.use->matrix, trained.use->matrix);
  EXPECT_EQ(back.use->weights, trained.use->weights);
  EXPECT_EQ(back.use->hidden.units, 8U);
  EXPECT_EQ(back.use->hidden.w1, trained.use->hidden.w1);
  EXPECT_EQ(back.use->hidden.b1, trained.use->hidden.b1);
  EXPECT_EQ(back.use->hidden.w2, trained.use->hidden.w2);
  EXPECT_EQ(back.use->parameters(), trained.use->parameters());
  EXPECT_EQ(predictor_file_bytes(back), bytes);
}

TEST_F(PredictorFile, HasNoUseModelWhereThereIsNone) {
  TrainedPredictor without = trained;
  without.use = nullptr;
  const TrainedPredictor back = parse_predictor_file(predictor_file_bytes(without), "file");
  EXPECT_EQ(back.use, nullptr);
  EXPECT_EQ(back.parameters(), trained.mlp->shape.parameters());
}

// Files of version 1 say nothing of a hidden layer, and have none.
TEST_F(PredictorFile, OfTheVersionBeforeHiddenLayersIsRead) {
  TrainedPredictor flat = trained;
  auto use = *trained.use;
  use.hidden = {};
  flat.use = std::make_shared<const UseModel>(use);
  Bytes old = replaced("\"version\": 2", "\"version\": 1", predictor_file_bytes(flat));
  old = replaced("use_hidden_units", "use_wooden_units", old);
  const TrainedPredictor back = parse_predictor_file(old, "file");
  ASSERT_NE(back.use, nullptr);
  EXPECT_EQ(back.use->hidden.units, 0U);
  EXPECT_EQ(back.use->matrix, trained.use->matrix);
  EXPECT_THAT(answer(replaced("\"version\": 2", "\"version\": 1")), HasSubstr("tensor 'use.weights' is"));
}

TEST_F(PredictorFile, IsWrittenWholeAndReadBack) {
  const auto path =
      std::filesystem::temp_directory_path() / ("predictor" + std::to_string(seed) + ".safetensors");
  save_predictor(path, trained);
  EXPECT_EQ(std::filesystem::file_size(path), bytes.size());
  EXPECT_EQ(*load_predictor(path).mlp, *trained.mlp);
  std::filesystem::remove(path);
  EXPECT_THROW((void)load_predictor(path), Error);
}

TEST_F(PredictorFile, SaysWhatIsWrongWithIt) {
  EXPECT_THAT(answer({}), HasSubstr("'file'"));
  EXPECT_THAT(answer(replaced("\"hidden\": 8", "\"hidden\": 9")),
              HasSubstr("9 hidden units, expected a multiple"));
  EXPECT_THAT(answer(replaced("\"layers\": 3", "\"layers\": 4")), HasSubstr("tensor 'use."));
  EXPECT_THAT(answer(replaced("\"experts\": 8", "\"experts\": 7")), HasSubstr("expected F32 [3, 7]"));
  EXPECT_THAT(answer(replaced("\"version\": 2", "\"version\": 3")), HasSubstr("version"));
  EXPECT_THAT(answer(replaced("\"use_hidden_units\": 8", "\"use_hidden_units\": 9")),
              HasSubstr("tensor 'use.hidden.w1' is F32"));
  EXPECT_THAT(answer(replaced("\"kind\": \"early\"", "\"kind\": \"later\"")),
              HasSubstr("input group 'later'"));
  EXPECT_THAT(answer(replaced("\"mlp.w2\"", "\"mlp.w3\"")), HasSubstr("tensor 'mlp.w2' is missing"));
  EXPECT_THAT(answer(replaced("\"use_source_layers\": 3", "\"use_source_layers\": 0")),
              HasSubstr("use_hidden_units is 8; expected a whole number from 0 to 0"));
  EXPECT_THAT(answer(replaced("{\"dtype\":\"BF16\"", "{\"dtype\":\"F16\" ")), HasSubstr("expected BF16"));
}

TEST_F(PredictorFile, RefusesNumbersThatAreNone) {
  TrainedPredictor wrong = trained;
  auto mlp = *trained.mlp;
  mlp.w1[3] = 0x7FC0;
  wrong.mlp = std::make_shared<const MlpModel>(mlp);
  EXPECT_THAT(answer(predictor_file_bytes(wrong)),
              HasSubstr("number 3 of tensor 'mlp.w1' is infinite or none"));
  mlp = *trained.mlp;
  mlp.b2[1] = std::numeric_limits<float>::infinity();
  wrong.mlp = std::make_shared<const MlpModel>(mlp);
  EXPECT_THAT(answer(predictor_file_bytes(wrong)), HasSubstr("number 1 of tensor 'mlp.b2' is inf"));
  wrong = trained;
  auto use = *trained.use;
  use.popularity[0] = 1.5F;
  wrong.use = std::make_shared<const UseModel>(use);
  EXPECT_THAT(answer(predictor_file_bytes(wrong)), HasSubstr("expected one in (0, 1)"));
  use = *trained.use;
  use.hidden.w2[2] = std::numeric_limits<float>::quiet_NaN();
  wrong.use = std::make_shared<const UseModel>(use);
  EXPECT_THAT(answer(predictor_file_bytes(wrong)), HasSubstr("number 2 of tensor 'use.hidden.w2' is nan"));
}

// Whatever is done to the bytes, reading ends in a predictor that fits together, or in one sentence.
TEST_F(PredictorFile, SurvivesDamage) {
  SCOPED_TRACE(seed);
  std::size_t refused = 0;
  for (int round = 0; round < 3000; ++round) {
    Bytes damaged = bytes;
    // Mostly where the text is: at the front, and behind the numbers.
    const auto changes = 1 + random.below(4);
    for (std::uint64_t c = 0; c < changes; ++c) {
      const std::uint64_t reach = std::min<std::uint64_t>(damaged.size(), 2500);
      const bool at_front = random.chance(0.5);
      const std::uint64_t at = random.below(reach);
      damaged[at_front ? at : damaged.size() - 1 - at] = static_cast<std::byte>(random.below(256));
    }
    if (random.chance(0.2)) damaged.resize(random.below(damaged.size()));
    try {
      const TrainedPredictor read = parse_predictor_file(damaged, "file");
      check_mlp_shape(read.mlp->shape, "");
      EXPECT_EQ(empty_mlp_model(read.mlp->shape).w1.size(), read.mlp->w1.size());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000U);
}

TEST_F(PredictorFile, KnowsWhatItWasTrainedOnWhereverThatStands) {
  const std::vector<SequenceId> all{SequenceId{0}, SequenceId{1}, SequenceId{2}};
  EXPECT_THAT(sequences_apart_from(trace, all, trained.learnt_from), ::testing::ElementsAre(SequenceId{1}));
  // The same sequences in another order, in another trace.
  const std::vector<std::uint32_t> from{1, 2, 0};
  const RoutingTrace other =
      trace_of(grid, 2, {9, 7, 12}, [&](std::size_t sequence, std::uint32_t token, std::uint32_t layer) {
        std::vector<std::uint32_t> same;
        for (const ExpertId e : chosen(trace, trace.sequences()[from[sequence]].first_token + token, layer))
          same.push_back(e.value);
        return same;
      });
  EXPECT_THAT(sequences_apart_from(other, all, trained.learnt_from), ::testing::ElementsAre(SequenceId{0}));
}

}  // namespace
}  // namespace prophet::testing
