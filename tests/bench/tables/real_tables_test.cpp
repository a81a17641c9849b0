// The study's tables of the architectures as they are, and what holds of every table in both catalogues.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <set>

#include "bench/tables/memory_budget.hpp"
#include "bench/tables/table_text.hpp"
#include "tests/bench/tables/table_values.hpp"
#include "tests/model/test_data.hpp"

namespace prophet::tables {
namespace {

using namespace analytic;
using test::Values;

constexpr std::array catalogues = {Catalogue::study, Catalogue::real};

AnalyticCell cell_of(const char* model, const char* gpu, std::uint32_t batch, std::uint64_t context_tokens) {
  CellOptions options;
  options.context_tokens = context_tokens;
  return analytic_cell(catalogue_model(Catalogue::real, model), catalogue_gpu(Catalogue::real, gpu), batch,
                       options);
}

TEST(EveryTable, HasACellForEachColumnInBothCatalogues) {
  std::set<std::string> names;
  for (const TableKind& kind : table_kinds()) {
    EXPECT_TRUE(names.insert(kind.name).second) << kind.name;
    for (const Catalogue catalogue : catalogues) {
      SCOPED_TRACE(std::string(kind.name) + " " + catalogue_name(catalogue));
      const Table table = make_table(kind, catalogue);
      std::set<std::string> keys;
      for (const Column& column : table.columns) {
        EXPECT_THAT(column.key, testing::MatchesRegex("[a-z0-9_]+"));
        EXPECT_TRUE(keys.insert(column.key).second) << column.key;
      }
      EXPECT_FALSE(table.rows.empty());
      EXPECT_FALSE(table.notes.empty());
      for (const auto& row : table.rows) {
        ASSERT_EQ(row.size(), table.columns.size());
        for (std::size_t c = 0; c < row.size(); ++c)
          EXPECT_TRUE(!row[c].known() || row[c].number().has_value() != table.columns[c].is_text);
      }
    }
  }
  EXPECT_EQ(names.size(), 23U);
}

TEST(EveryTable, OfTheRealCatalogueKnowsAllButSharesRatiosAndBatchesBeyondTheGrid) {
  const std::set<std::string> may_be_unknown = {"share_percent",  "extension",       "extension_mean",
                                                "extension_high", "savings_percent", "first_grid_batch",
                                                "kept_experts",   "law_batch",       "expert_mb"};
  for (const TableKind& kind : table_kinds()) {
    const Table table = make_table(kind, Catalogue::real);
    for (const auto& row : table.rows) {
      for (std::size_t c = 0; c < row.size(); ++c)
        EXPECT_TRUE(row[c].known() || may_be_unknown.contains(table.columns[c].key))
            << kind.name << " " << table.columns[c].key;
    }
  }
}

TEST(EveryTable, AnUnknownNameIsAnsweredWithNearOnes) {
  EXPECT_EQ(prophet::test::refusal_of([] { return find_table_kind("saturatoin"); }),
            "--table 'saturatoin': is no table of the study; expected a name such as saturation");
  EXPECT_EQ(&find_table_kind("Saturation"), &find_table_kind("saturation"));
}

TEST(EveryTable, TheWholeSetInAllFormatsIsThereInLessThanASecond) {
  const std::clock_t begin = std::clock();
  std::size_t characters = 0;
  for (const TableKind& kind : table_kinds()) {
    for (const Catalogue catalogue : catalogues) {
      for (const TableFormat format : table_formats)
        characters += table_text(make_table(kind, catalogue), format, "").size();
    }
  }
  const double taken_ms = 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  std::printf("%zu characters of tables in %.1f ms\n", characters, taken_ms);
  EXPECT_GT(characters, 100000U);
#ifdef NDEBUG
  EXPECT_LT(taken_ms, 1000);
#endif
}

TEST(RealTables, ModelsAddUpToTheirPublishedParameters) {
  const Values table("architectures", Catalogue::real);
  for (const auto& row : table.table().rows) {
    const std::string& model = row[0].words();
    const PublishedCount* const published = find_published_count(model);
    ASSERT_NE(published, nullptr) << model;
    EXPECT_NEAR(*table.number({model}, "total_params_billions") * 1e9 / published->params, 1, 0.015);
    EXPECT_NEAR(*table.number({model}, "parts_gb"), *table.number({model}, "params_16_bit_gb"), 1e-9);
  }
  EXPECT_NEAR(*table.number({"switch-base-128"}, "expert_mb"), 9.437184, 1e-9);
  EXPECT_NEAR(*table.number({"qwen1.5-moe-a2.7b"}, "expert_mb"), 17.301504, 1e-9);
  EXPECT_NEAR(*table.number({"switch-xxl-128"}, "experts_gb"), 773.094, 0.001);
  EXPECT_EQ(table.number({"qwen1.5-moe-a2.7b"}, "experts"), 60);
  EXPECT_EQ(table.number({"qwen2-57b-a14b"}, "layers"), 28);
}

TEST(RealTables, ExpertsAreCountedFromTheirMatrices) {
  const Values memory("expert_memory", Catalogue::real);
  // One module of width 5,632 a layer: three matrices of 2,048 x 5,632 and the gate of 2,048.
  EXPECT_NEAR(*memory.number({"qwen1.5-moe-a2.7b", "shared"}, "expert_mb"), 69.21, 0.01);
  EXPECT_NEAR(*memory.number({"switch-large-128", "routed"}, "expert_mb"), 16.777, 0.001);
  const Values complete("complete_breakdown", Catalogue::real);
  EXPECT_EQ(complete.number({"switch-xxl-128"}, "expert_width"), 10240);
  const Values models("model_memory", Catalogue::real);
  for (const auto& row : models.table().rows) {
    const std::string& model = row[0].words();
    EXPECT_NEAR(*models.number({model}, "sum_params_billions"),
                *models.number({model}, "total_params_billions"), 1e-9);
    EXPECT_NEAR(*models.number({model}, "sum_params_billions"),
                *complete.number({model}, "sum_params_billions"), 1e-9);
  }
}

TEST(RealTables, MemoryAndContextAreThoseOfTheAnalyticModel) {
  const AnalyticCell xxl = cell_of("switch-xxl-128", "a100-80gb", 8, 2048);
  const Values parts("memory_components", Catalogue::real);
  EXPECT_DOUBLE_EQ(*parts.number({"total"}, "prophet_gb") * 1e9,
                   static_cast<double>(*xxl.of(Approach::prophet).memory.total()));
  EXPECT_DOUBLE_EQ(*parts.number({"total"}, "baseline_gb") * 1e9,
                   static_cast<double>(*xxl.of(Approach::all_resident).memory.total()));
  const Values by_gpu("context_vs_memory", Catalogue::real);
  EXPECT_EQ(by_gpu.number({"a100-80gb"}, "prophet_context_tokens"),
            static_cast<double>(*xxl.of(Approach::prophet).context_tokens_max));
  const Values tradeoff("batch_context", Catalogue::real);
  const Values scaling("batch_scaling", Catalogue::real);
  for (const std::uint32_t batch : {1U, 8U, 64U}) {
    const AnalyticCell large = cell_of("switch-large-128", "a100-40gb", batch, 512);
    const ApproachAnswer& prophet = large.of(Approach::prophet);
    EXPECT_EQ(tradeoff.number({std::to_string(batch)}, "prophet_context_tokens"),
              static_cast<double>(*prophet.context_tokens_max));
    EXPECT_EQ(tradeoff.words({std::to_string(batch)}, "outcome"),
              extension_outcome_name(large.extension.outcome));
    EXPECT_DOUBLE_EQ(*scaling.number({std::to_string(batch)}, "prophet_total_gb") * 1e9,
                     static_cast<double>(*prophet.memory.total()));
  }
  const AnalyticCell qwen = cell_of("qwen1.5-moe-a2.7b", "a100-80gb", 8, 2048);
  const Values breakdown("qwen_breakdown", Catalogue::real);
  EXPECT_NEAR(*breakdown.number({"total"}, "prophet_gb") * 1e9,
              static_cast<double>(*qwen.of(Approach::prophet).memory.total()), 1);
}

TEST(RealTables, AFixedNumberOfExpertsCostsWhatAnApproachWithAsManyDoes) {
  const AnalyticCell cell = cell_of("switch-xxl-128", "a100-80gb", 8, 0);
  for (const auto& [approach, forecasts] :
       {std::pair{Approach::prophet, true}, {Approach::static_hot, false}}) {
    const MemoryBudget budget =
        real_budget_of_kept(cell.model->model, static_cast<std::uint32_t>(cell.demand.cached_experts),
                            forecasts, cell.batch, cell.memory_bytes);
    EXPECT_EQ(budget.fixed_bytes(), static_cast<double>(*cell.of(approach).memory.total()));
    EXPECT_EQ(budget.context_tokens(), cell.of(approach).context_tokens_max);
  }
}

TEST(RealTables, OutcomesOfTheGridAddUpToThoseThatHeadroomCounts) {
  for (const char* const name :
       {"average_extension", "by_expert_count", "batch_impact", "workload_classes"}) {
    const Values table(name, Catalogue::real);
    const auto sum = [&](const char* key) {
      double total = 0;
      for (const Cell& cell : table.column(key)) total += *cell.number();
      return total;
    };
    EXPECT_EQ(sum("ratio_cells"), 102) << name;
    EXPECT_EQ(sum("enabled_cells"), 49) << name;
    EXPECT_EQ(sum("neither_cells"), 233) << name;
    EXPECT_EQ(sum("undecided_cells"), 0) << name;
  }
}

TEST(RealTables, KeepingMoreExpertsNeverHoldsALongerContext) {
  for (const Catalogue catalogue : catalogues) {
    const auto tokens = Values("coverage_savings", catalogue).column("context_tokens");
    for (std::size_t row = 1; row < tokens.size(); ++row)
      EXPECT_LE(*tokens[row].number(), *tokens[row - 1].number());
  }
}

TEST(RealTables, GroupsAreOfTheRealExpertCounts) {
  const Values table("by_expert_count", Catalogue::real);
  EXPECT_EQ(table.number({"60"}, "models"), 1);
  EXPECT_EQ(table.number({"64"}, "models"), 3);
  EXPECT_EQ(Values("saturation", Catalogue::real).number({"16", "jamba-1.5-large"}, "top_k"), 2);
}

TEST(RealTables, ApproachesHaveEveryModelAndPartsThatAddUp) {
  for (const Catalogue catalogue : catalogues) {
    const Values table("approaches", catalogue);
    EXPECT_EQ(table.table().rows.size(), 16 * 2 * approaches.size());
    const std::array keys = {"non_expert_gb", "experts_gb", "kv_gb", "activations_gb", "own_gb"};
    std::vector<double> sums(table.table().rows.size(), 0);
    for (const char* const key : keys) {
      const auto cells = table.column(key);
      for (std::size_t row = 0; row < sums.size(); ++row) sums[row] += cells[row].number().value_or(1e9);
    }
    const auto totals = table.column("total_gb");
    for (std::size_t row = 0; row < sums.size(); ++row) {
      EXPECT_EQ(totals[row].known(), sums[row] < 1e9);
      EXPECT_NEAR(totals[row].number().value_or(sums[row]), sums[row], 1e-6);
    }
  }
  const Values real("approaches", Catalogue::real);
  EXPECT_EQ(real.words({"mixtral-8x7b", "1", "all_resident"}, "fits"), "no");
  EXPECT_EQ(real.words({"mixtral-8x7b", "1", "prophet"}, "outcome"), "enabled");
  EXPECT_EQ(real.number({"mixtral-8x7b", "1", "offload"}, "hit_rate"), 0);
}

}  // namespace
}  // namespace prophet::tables
