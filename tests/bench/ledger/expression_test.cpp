#include "bench/ledger/expression.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bench/ledger/real_quantities.hpp"
#include "bench/ledger/recordings.hpp"
#include "bench/ledger/study_quantities.hpp"
#include "prophet/error.hpp"

namespace prophet::ledger {
namespace {

const Place mixtral_16{"Mixtral-8x7B", 16, "a100-80gb", 2048};
const Place switch_16{"Switch-Base-128", 16, "v100-32gb", {}};

double study(const std::string& expression, const Place& place = switch_16) {
  return Expressions(make_study_quantities()).evaluate(expression, place);
}
double real(const std::string& expression, const Place& place = mixtral_16) {
  return Expressions(make_real_quantities()).evaluate(expression, place);
}

TEST(LedgerExpression, ArithmeticIsThatOfNumbers) {
  EXPECT_DOUBLE_EQ(study("(216-54)/216*100"), 75);
  EXPECT_DOUBLE_EQ(study("16/128"), 0.125);
  EXPECT_DOUBLE_EQ(study("16e9*24/1e9"), 384);
  EXPECT_DOUBLE_EQ(study("2^10"), 1024);
  EXPECT_DOUBLE_EQ(study("85.2 <= 80"), 0);
  EXPECT_DOUBLE_EQ(study("85.2 > 80 && 1 < 2 ? 7 : 8"), 7);
  EXPECT_DOUBLE_EQ(study("max(0, 80-150.75)"), 0);
  EXPECT_DOUBLE_EQ(study("roundto(8.3456, 2)"), 8.35);
}

TEST(LedgerExpression, NamesAreQuantitiesOfTheRowsModelBatchAndGpu) {
  EXPECT_DOUBLE_EQ(study("experts"), 128);
  EXPECT_NEAR(study("unique"), std::pow(16, 0.932), 1e-9);
  EXPECT_NEAR(study("saving"), 89.6479, 1e-4);
  EXPECT_DOUBLE_EQ(study("layers*experts*expert_mb/1024"), study("expert_gb"));
  EXPECT_DOUBLE_EQ(study("batch"), 16);
  EXPECT_DOUBLE_EQ(study("gpu_gb"), 32);
  EXPECT_DOUBLE_EQ(real("context"), 2048);
}

TEST(LedgerExpression, TheTwoCataloguesAreNeverMixed) {
  EXPECT_DOUBLE_EQ(study("expert_mb", mixtral_16), 234.88);
  EXPECT_NEAR(real("expert_mb"), 352.321536, 1e-9);
  EXPECT_DOUBLE_EQ(real("matrices"), 3);
  EXPECT_NEAR(real("total_b"), 46.702792704, 1e-9);
  EXPECT_THROW(study("matrices"), Error);
}

TEST(LedgerExpression, OtherPlacesAreAskedByName) {
  EXPECT_NEAR(study("at(\"unique\", 4)"), std::pow(4, 0.932), 1e-9);
  EXPECT_DOUBLE_EQ(study("at(\"gpu_gb\", 1, 80)"), 80);
  EXPECT_DOUBLE_EQ(study("of(\"OLMoE-1B-7B.experts\")"), 64);
  EXPECT_NEAR(study("of(\"deepseek-moe-16b.unique\", 4)"), 6 * std::pow(4, 0.932), 1e-9);
}

/// The averages that document 001 prints by number of experts, all of which come out to the last digit.
TEST(LedgerExpression, GroupsGiveTheStudysOwnAverages) {
  EXPECT_NEAR(study("mean(\"saving\", 60, 60)"), 39.1, 0.05);
  EXPECT_NEAR(study("mean(\"sparsity\", 60, 60)"), 4.07, 0.005);
  EXPECT_NEAR(study("mean(\"saving\", 64, 64)"), 28.9, 0.05);
  EXPECT_NEAR(study("mean(\"saving\", 128, 128)"), 75.4, 0.05);
  EXPECT_NEAR(study("mean(\"saving\", 160, 160)"), 52.0, 0.05);
  EXPECT_NEAR(study("mean(\"saving\", 256, 256)"), 57.2, 0.05);
  EXPECT_DOUBLE_EQ(study("models(128, 128)"), 5);
  EXPECT_DOUBLE_EQ(study("lowest(\"saving\", 0, 0, 1)"), 75);
  EXPECT_NEAR(study("own_mean(\"saving\")"), 87.2, 0.05);
}

TEST(LedgerExpression, WhatHasNoValueSaysWhy) {
  try {
    static_cast<void>(real("extension", {"Mixtral-8x7B", 1, "a100-80gb", {}}));
    ADD_FAILURE() << "93 GB do not fit into 80";
  } catch (const NoValue& none) {
    EXPECT_STREQ(none.what(), "enabled");
  }
  EXPECT_THROW(study("saving", {"Mixtral-8x7B", {}, "", {}}), NoValue);
  EXPECT_THROW(study("extension", {"Mixtral-8x7B", 1, "", {}}), NoValue);
  EXPECT_THROW(study("experts", {"", 1, "", {}}), NoValue);
}

TEST(LedgerExpression, WhatIsNoExpressionIsRefused) {
  for (const char* expression :
       {"", "1+", "experts experts", "nothing", "at(saving)", "at(\"saving\", 1.5)", "of(\"saving\")",
        "mean(\"saving\")", "mean(\"saving\", 5, 6)", "at(\"extension\", 1, 33)", "1/0", "law(1)",
        "recorded(\"alpha\")", "\"text\""}) {
    try {
      const double value = study(expression);
      ADD_FAILURE() << expression << " = " << value;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input) << error.what();
    }
  }
  EXPECT_THROW(study("of(\"mixtral.experts\")"), Error);
}

TEST(LedgerExpression, RecordingsAreRememberedForTheirCommands) {
  Expressions measured(make_measured_quantities());
  EXPECT_GT(measured.evaluate("recorded(\"alpha.sample\")", {}), 0.7);
  ASSERT_EQ(measured.asked_recordings().size(), 1U);
  EXPECT_EQ(find_recording(measured.asked_recordings().front()).command, "prophet fit-dedup");
  EXPECT_GT(measured.evaluate("baseline_tokens", {"OLMoE-1B-7B", 1, "a100-40gb", {}}), 1000);
  EXPECT_TRUE(measured.asked_recordings().empty());
}

}  // namespace
}  // namespace prophet::ledger
