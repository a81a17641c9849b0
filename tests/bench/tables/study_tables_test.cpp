// The study's tables in its own catalogue, against the figures that it prints and that reproduce.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bench/tables/table_values.hpp"

namespace prophet::tables {
namespace {

using test::Values;

/// Figures are printed with so many decimals; half of the last one is given away.
void expect_printed(std::optional<double> value, double printed, double half_of_last) {
  ASSERT_TRUE(value.has_value()) << "where the study prints " << printed;
  EXPECT_NEAR(*value, printed, half_of_last * 1.0001);
}

TEST(StudyTables, GroupAveragesAreThosePrinted) {
  const Values table("by_expert_count", Catalogue::study);
  struct Printed {
    const char* experts;
    double savings, sparsity, extension;
  };
  for (const Printed& row :
       {Printed{"8", 14.0, 1.52, 0.38}, Printed{"16", 14.0, 1.52, 0.00}, Printed{"60", 39.1, 4.07, 0.76},
        Printed{"64", 28.9, 2.71, 1.61}, Printed{"128", 75.4, 24.1, 0.25}, Printed{"160", 52.0, 6.98, 0.00},
        Printed{"256", 57.2, 8.35, 0.00}}) {
    SCOPED_TRACE(row.experts);
    expect_printed(table.number({row.experts}, "savings_mean_percent"), row.savings, 0.05);
    expect_printed(table.number({row.experts}, "sparsity_mean"), row.sparsity,
                   row.sparsity > 20 ? 0.05 : 0.005);
    // 0.76 is printed for the mean of the rounded 1.53 and 0.
    expect_printed(table.number({row.experts}, "study_extension_mean"), row.extension, 0.0065);
  }
  EXPECT_EQ(table.number({"128"}, "models"), 5) << "of which the study prints 4";
}

TEST(StudyTables, AveragesOverTwentyFourCellsAreThosePrintedAndNoZeroIsSilent) {
  const Values table("average_extension", Catalogue::study);
  for (const auto& [model, mean] : {std::pair{"DeepSeek-MoE-16B", 2.16},
                                    {"Qwen1.5-MoE-A2.7B", 1.53},
                                    {"Switch-Base-128", 1.24},
                                    {"Mixtral-8x7B", 1.15},
                                    {"OLMoE-1B-7B", 1.06}})
    expect_printed(table.number({model}, "study_extension_mean"), mean, 0.005);
  expect_printed(table.number({"Mixtral-8x7B"}, "extension_high"), 10.2, 0.05);
  expect_printed(table.number({"Qwen1.5-MoE-A2.7B"}, "extension_high"), 4.0, 0.05);
  EXPECT_EQ(table.number({"DBRX-132B"}, "study_extension_mean"), 0);
  EXPECT_EQ(table.number({"DBRX-132B"}, "extension_mean"), std::nullopt);
  EXPECT_EQ(table.number({"DBRX-132B"}, "neither_cells"), 24);
  EXPECT_EQ(table.number({"Jamba-1.5-Large"}, "study_extension_mean"), std::nullopt)
      << "of which no document gives a size";
  EXPECT_EQ(table.number({"Jamba-1.5-Large"}, "undecided_cells"), 24);
}

TEST(StudyTables, ARatioStandsWhereTheStudyComputesOneAndAnOutcomeWhereItComputesZero) {
  for (const char* const name : {"kv_extension", "max_context"}) {
    const Values values(name, Catalogue::study);
    const auto outcomes = values.column("outcome");
    const auto ratios = values.column("extension");
    const auto printed = values.column("study_extension");
    for (std::size_t row = 0; row < outcomes.size(); ++row) {
      SCOPED_TRACE(values.table().rows[row][0].words());
      if (printed[row].number().value_or(0) > 0) {
        EXPECT_EQ(outcomes[row].words(), "ratio");
        EXPECT_EQ(ratios[row].number(), printed[row].number());
      } else {
        EXPECT_THAT(outcomes[row].words(),
                    testing::AnyOf("enabled", "neither", "enabled or neither", "unknown"));
        EXPECT_EQ(outcomes[row].words() == "unknown", !printed[row].known());
        EXPECT_FALSE(ratios[row].known());
      }
    }
  }
}

TEST(StudyTables, OutcomesOfAllCellsSayWhatTheZerosHide) {
  for (const char* const name :
       {"average_extension", "by_expert_count", "batch_impact", "workload_classes"}) {
    const Values table(name, Catalogue::study);
    const auto sum = [&](const char* key) {
      double total = 0;
      for (const Cell& cell : table.column(key)) total += *cell.number();
      return total;
    };
    EXPECT_EQ(sum("ratio_cells"), 95) << name;
    EXPECT_EQ(sum("enabled_cells"), 25) << name;
    EXPECT_EQ(sum("neither_cells"), 179) << name;
    EXPECT_EQ(sum("undecided_cells"), 85) << name << ", 48 of them of two models with no expert size";
  }
}

TEST(StudyTables, TheSummaryAtBatchSixteenIsThatPrinted) {
  const Values table("kv_extension", Catalogue::study);
  expect_printed(table.number({"Switch-Base-128"}, "extension"), 1.12, 0.005);
  expect_printed(table.number({"Switch-Base-128"}, "extra_context_tokens"), 14400, 50);
  expect_printed(table.number({"Qwen1.5-MoE-A2.7B"}, "extension"), 1.05, 0.005);
  expect_printed(table.number({"Qwen1.5-MoE-A2.7B"}, "extra_context_tokens"), 832, 0.5);
  expect_printed(table.number({"OLMoE-1B-7B"}, "extension"), 1.00, 0.005);
  EXPECT_EQ(table.words({"Switch-Large-128"}, "outcome"), "enabled");
  EXPECT_EQ(table.words({"Snowflake-Arctic-480B"}, "outcome"), "enabled or neither");
  EXPECT_EQ(table.words({"Switch-XXL-128"}, "outcome"), "neither");
  const Values contexts("max_context", Catalogue::study);
  expect_printed(contexts.number({"Switch-Base-128", "a100-80gb"}, "baseline_context_tokens"), 116e3, 500);
  expect_printed(contexts.number({"Switch-Base-128", "a100-80gb"}, "prophet_context_tokens"), 130e3, 500);
  expect_printed(contexts.number({"Qwen1.5-MoE-A2.7B", "a100-80gb"}, "baseline_context_tokens"), 16.8e3, 50);
  expect_printed(contexts.number({"Qwen1.5-MoE-A2.7B", "a100-80gb"}, "prophet_context_tokens"), 17.6e3, 50);
  expect_printed(contexts.number({"OLMoE-1B-7B", "a100-80gb"}, "baseline_context_tokens"), 32.4e3, 50);
}

TEST(StudyTables, MemoryByPartFollowsTheDocumentsOwnFormulas) {
  const Values parts("memory_components", Catalogue::study);
  expect_printed(parts.number({"experts"}, "baseline_gb"), 384, 0.05);
  expect_printed(parts.number({"KV cache"}, "prophet_gb"), 6.44, 0.005);
  expect_printed(parts.number({"total"}, "baseline_gb"), 421.2, 0.05);
  expect_printed(parts.number({"total"}, "prophet_gb"), 85.2, 0.05);
  expect_printed(parts.number({"total"}, "savings_percent"), 79.8, 0.05);
  const Values scaling("kv_scaling", Catalogue::study);
  for (const auto& [context, total] : {std::pair{"4096", 427.6}, {"8192", 440.5}, {"16384", 466.3}})
    expect_printed(scaling.number({context}, "baseline_total_gb"), total, 0.05);
  expect_printed(scaling.number({"16384"}, "prophet_total_gb"), 130.3, 0.05);
  expect_printed(scaling.number({"8192"}, "prophet_total_gb"), 104.5, 0.05);  // printed as 110.0
  const Values qwen("qwen_breakdown", Catalogue::study);
  expect_printed(qwen.number({"routed experts"}, "prophet_gb"), 43.2, 0.05);
  expect_printed(qwen.number({"shared experts"}, "baseline_gb"), 14.4, 0.05);
  expect_printed(qwen.number({"routed experts"}, "savings_percent"), 80, 0.05);
  expect_printed(qwen.number({"activations"}, "baseline_gb"), 4.3, 0.05);
}

TEST(StudyTables, ContextsFollowFromTheDocumentsOwnBudget) {
  const Values by_gpu("context_vs_memory", Catalogue::study);
  EXPECT_EQ(by_gpu.words({"a100-40gb"}, "outcome"), "neither");
  EXPECT_EQ(by_gpu.words({"a100-80gb"}, "outcome"), "enabled");
  EXPECT_EQ(by_gpu.number({"a100-80gb"}, "prophet_context_tokens"), 395);
  EXPECT_EQ(by_gpu.number({"a100-80gb"}, "static_context_tokens"), 0);
  const Values budgets("memory_to_context", Catalogue::study);
  const auto fixed = budgets.column("fixed_gb");
  const std::vector<double> printed = {414.75, 150.75, 78.76, 46, 25};
  ASSERT_EQ(fixed.size(), printed.size());
  for (std::size_t row = 0; row < printed.size(); ++row)
    expect_printed(fixed[row].number(), printed[row], 0.005);
  expect_printed(budgets.column("available_gb")[4].number(), 15, 0.05);
  const Values tradeoff("batch_context", Catalogue::study);
  EXPECT_EQ(tradeoff.number({"1"}, "prophet_context_tokens"), 152587);
  EXPECT_EQ(tradeoff.words({"64"}, "outcome"), "enabled");
  const Values batches("batch_scaling", Catalogue::study);
  EXPECT_EQ(batches.words({"512"}, "baseline_fits"), "yes") << "where the study prints that it does not";
  expect_printed(batches.number({"1"}, "baseline_total_gb"), 12.1, 0.05);
}

TEST(StudyTables, CoverageIsTheDocumentsShareOfExpertsAndItsContextThatOfItsMemory) {
  const Values table("coverage_savings", Catalogue::study);
  struct Printed {
    const char* kept;
    double gb, savings;
  };
  for (const Printed& row :
       {Printed{"1", 3, 99.2}, Printed{"4", 12, 96.9}, Printed{"8", 24, 93.8}, Printed{"16", 48, 87.5},
        Printed{"32", 96, 75}, Printed{"64", 192, 50}, Printed{"128", 384, 0}}) {
    expect_printed(table.number({row.kept}, "experts_gb"), row.gb, 0.05);
    expect_printed(table.number({row.kept}, "savings_percent"), row.savings, 0.05);
  }
  EXPECT_EQ(table.number({"1"}, "sparsity"), 128) << "printed as 127";
  EXPECT_EQ(table.number({"16"}, "context_tokens"), 395);
  EXPECT_EQ(table.number({"128"}, "context_tokens"), 0);
}

TEST(StudyTables, SizesOfDocument003AreItsOwnProducts) {
  const Values models("model_memory", Catalogue::study);
  EXPECT_EQ(models.number({"Switch-Large-128"}, "expert_instances"), 3072) << "printed as 1536";
  expect_printed(models.number({"Switch-Base-128"}, "expert_params_billions"), 4.84, 0.005);
  expect_printed(models.number({"Qwen1.5-MoE-A2.7B"}, "total_16_bit_gb"), 28.6, 0.05);
  const Values experts("expert_memory", Catalogue::study);
  expect_printed(experts.number({"Switch-Base-128", "routed"}, "all_layers_gb"), 9.68, 0.005);
  expect_printed(experts.number({"Switch-Large-128", "routed"}, "all_layers_gb"), 77.4, 0.05);
  expect_printed(experts.number({"Switch-XXL-128", "routed"}, "all_layers_gb"), 384, 0.05);
  expect_printed(experts.number({"Qwen1.5-MoE-A2.7B", "all"}, "all_layers_gb"), 230.4, 0.05);
  const Values reduction("prophet_reduction", Catalogue::study);
  expect_printed(reduction.number({"Switch-XXL-128", "routed"}, "reduction_percent"), 87.5, 0.05);
  expect_printed(reduction.number({"Switch-XXL-128", "routed"}, "law_batch"), 19.6, 0.05);
  expect_printed(reduction.number({"Qwen1.5-MoE-A2.7B", "all"}, "reduction_percent"), 75, 0.05);
  expect_printed(reduction.number({"Qwen1.5-MoE-A2.7B", "all"}, "prophet_gb"), 57.6, 0.05);
  const Values complete("complete_breakdown", Catalogue::study);
  expect_printed(complete.number({"Switch-XXL-128"}, "prophet_gb"), 96, 0.05);
  expect_printed(complete.number({"Switch-Base-128"}, "prophet_gb"), 1.2, 0.05);
  expect_printed(complete.number({"Qwen1.5-MoE-A2.7B"}, "prophet_gb"), 57.6, 0.05);
  expect_printed(complete.number({"Qwen1.5-MoE-A2.7B"}, "reduction_percent"), 75, 0.05);
  expect_printed(complete.number({"Qwen1.5-MoE-A2.7B"}, "layer_params_billions"), 4.8, 0.05);
}

TEST(StudyTables, SaturationIsTheLawsInverse) {
  const Values table("saturation", Catalogue::study);
  for (const auto& [group, model, batch] : {std::tuple{"8", "Mixtral-8x7B", 4.43},
                                            {"60-64", "OLMoE-1B-7B", 9.31},
                                            {"60-64", "DeepSeek-MoE-16B", 12.68},
                                            {"60-64", "Qwen1.5-MoE-A2.7B", 18.28},
                                            {"128", "Qwen3-235B", 19.59},
                                            {"160-256", "DeepSeek-V2-236B", 33.89},
                                            {"160-256", "DeepSeek-V3-671B", 41.21},
                                            {"128", "Snowflake-Arctic-480B", 86.69},
                                            {"128", "Switch-Base-128", 182.37}})
    expect_printed(table.number({group, model}, "saturation_batch"), batch, 0.005);
  EXPECT_EQ(table.number({"16", "DBRX-132B"}, "first_grid_batch"), 8) << "printed as 16";
  EXPECT_EQ(table.number({"128", "Switch-Base-128"}, "first_grid_batch"), std::nullopt);
}

TEST(StudyTables, BatchesWorkloadsAndGroupsAreRangesOverTheGrid) {
  const Values batches("batch_impact", Catalogue::study);
  expect_printed(batches.number({"1"}, "savings_low_percent"), 75, 0.05);
  expect_printed(batches.number({"16"}, "savings_high_percent"), 89.6, 0.05);
  expect_printed(batches.number({"64"}, "savings_high_percent"), 62.3, 0.05);
  expect_printed(batches.number({"16"}, "sparsity_high"), 9.66, 0.005);
  expect_printed(batches.number({"1"}, "study_extension_high"), 11.8247, 0.001);
  EXPECT_EQ(batches.number({"1"}, "study_extension_low"), 0);
  const Values workloads("workload_classes", Catalogue::study);
  expect_printed(workloads.number({"latency-critical"}, "extension_high"), 16.5998, 0.0005);
  expect_printed(workloads.number({"standard API"}, "extension_high"), 3.03422, 0.0005);
  expect_printed(workloads.number({"batch processing"}, "extension_high"), 1.39296, 0.0005);
  for (const Cell& share : workloads.column("share_percent")) EXPECT_FALSE(share.known());
  EXPECT_THAT(workloads.table().notes.front(), testing::HasSubstr("not measurable"));
  const Values groups("compatibility", Catalogue::study);
  expect_printed(groups.number({"60-64"}, "savings_b16_high_percent"), 11.66, 0.005);
  expect_printed(groups.number({"128"}, "savings_b16_low_percent"), 17.18, 0.005);
  expect_printed(groups.number({"160-256"}, "savings_b16_low_percent"), 50.3, 0.05);
  expect_printed(groups.number({"160-256"}, "savings_b16_high_percent"), 58.6, 0.05);
}

TEST(StudyTables, AlternativesFreeWhatTheDocumentSaysAndTakeBoundsOfSteps) {
  const Values table("alternatives", Catalogue::study);
  for (const auto& [approach, freed] :
       {std::pair{"offload", 368.0}, {"int8", 192.0}, {"prophet", 336.0}, {"prophet_int8", 360.0}})
    expect_printed(table.number({approach}, "freed_gb"), freed, 0.05);
  EXPECT_EQ(table.number({"all_resident"}, "overlapped_times"), 1);
  EXPECT_GT(*table.number({"offload"}, "on_demand_times"), *table.number({"prophet"}, "on_demand_times"));
  EXPECT_LT(*table.number({"int8"}, "overlapped_times"), 1);
}

}  // namespace
}  // namespace prophet::tables
