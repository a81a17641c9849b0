// The study's catalogue, and its own numbers recomputed by the rules that they imply.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "bench/analytic/analytic_cell.hpp"
#include "bench/analytic/headroom_arithmetic.hpp"
#include "bench/analytic/selection.hpp"
#include "bench/analytic/study/configurations.hpp"
#include "runtime/model/load_model.hpp"
#include "tests/model/test_data.hpp"

namespace prophet::analytic {
namespace {

using test::refusal_of;
using testing::HasSubstr;

std::vector<AnalyticCell> whole_grid(Catalogue catalogue, const CellOptions& options = {}) {
  std::vector<std::shared_ptr<const CatalogueModel>> models;
  for (const char* const name : study_models) models.push_back(catalogue_model(catalogue, name));
  std::vector<AnalyticGpu> gpus;
  for (const char* const name : study_gpus) gpus.push_back(catalogue_gpu(catalogue, name));
  return analytic_grid(models, gpus, {study_batches.begin(), study_batches.end()}, options);
}

/// Mean over the study's 24 cells of a model, the zeros among them.
double study_average(const char* name) {
  double sum = 0;
  for (const double gb : study_gpu_gb) {
    for (const std::uint32_t batch : study_batches)
      sum += *as_study_computed(find_study_model(name), gb, batch).extension;
  }
  return sum / static_cast<double>(study_gpu_gb.size() * study_batches.size());
}

TEST(StudyCatalogue, HasTheSixteenModelsOfTheGridInItsOrder) {
  const auto& models = study_catalogue();
  ASSERT_EQ(models.size(), study_models.size());
  for (std::size_t i = 0; i < models.size(); ++i) {
    EXPECT_EQ(models[i].name, study_models[i]);
    EXPECT_EQ(find_study_model(models[i].label).name, models[i].name);
    EXPECT_NO_THROW(static_cast<void>(catalogue_model(Catalogue::real, models[i].name)));
  }
}

TEST(StudyCatalogue, EveryFigureSaysWhereItComesFromAndUnknownOnesHaveNoValue) {
  for (const StudyModel& model : study_catalogue()) {
    SCOPED_TRACE(model.name);
    for (const StudyFigure* figure :
         {&model.layers, &model.hidden_size, &model.expert_mb, &model.total_params_billions,
          &model.active_params_billions, &model.context_tokens, &model.non_expert_gb, &model.activation_gb}) {
      EXPECT_FALSE(figure->source.empty());
      EXPECT_EQ(figure->value.has_value(), figure->standing != Standing::unknown);
    }
  }
}

TEST(StudyCatalogue, AnUnknownModelOrGpuIsAnsweredWithNearOnes) {
  EXPECT_EQ(refusal_of([] { return find_study_model("mixtrl"); }),
            "model 'mixtrl' is not in the study; expected a name such as mixtral-8x7b, mixtral-8x22b");
  EXPECT_THAT(refusal_of([] { return catalogue_gpu(Catalogue::study, "h200"); }),
              HasSubstr("GPU 'h200' is not one of the study's; expected a name such as"));
  EXPECT_EQ(refusal_of([] { return catalogue_gpu(Catalogue::real, "a100"); }),
            "GPU 'a100' is not known; expected a path of a profile file or a name such as a100-40gb, "
            "a100-80gb, v100-32gb, h100-80gb, h200");
  EXPECT_EQ(refusal_of([] { return parse_catalogue("both"); }), "--catalogue 'both': expected study or real");
}

TEST(StudyReading, ReproducesThePrintedExpertMemory) {
  const std::vector<std::pair<const char*, double>> buffers = {
      {"switch-base-128", 9.45}, {"qwen1.5-moe-a2.7b", 22.5}, {"deepseek-moe-16b", 26.25},
      {"olmoe-1b-7b", 8.4},      {"switch-large-128", 75.6},  {"switch-xxl-128", 750},
      {"arctic", 262.5},         {"deepseek-v2", 356.25},     {"deepseek-v3", 1200}};
  for (const auto& [name, gb] : buffers)
    EXPECT_NEAR(*as_study_computed(find_study_model(name), 80, 1).expert_buffer_gb, gb, 1e-9) << name;
}

TEST(StudyReading, ReproducesThePrintedTokenGainsWithNoFreeInput) {
  const auto gain = [](const char* name, std::uint32_t batch) {
    return *as_study_computed(find_study_model(name), 80, batch).extra_tokens;
  };
  EXPECT_NEAR(gain("switch-base-128", 16), 14.4e3, 50);
  EXPECT_NEAR(gain("qwen1.5-moe-a2.7b", 16), 832, 0.5);
  EXPECT_NEAR(gain("olmoe-1b-7b", 16), -4, 1) << "nothing saved, and the overhead is paid";
}

TEST(StudyReading, ReproducesThePrintedExtensions) {
  const auto extension = [](const char* name, double gb, std::uint32_t batch) {
    return *as_study_computed(find_study_model(name), gb, batch).extension;
  };
  EXPECT_NEAR(extension("mixtral-8x7b", 80, 1), 10.2, 0.05);
  EXPECT_NEAR(extension("deepseek-moe-16b", 40, 1), 3.3, 0.05);
  EXPECT_NEAR(extension("qwen1.5-moe-a2.7b", 32, 1), 4.0, 0.05);
  EXPECT_EQ(extension("qwen1.5-moe-a2.7b", 32, 64), 0) << "the baseline does not fit: a zero, not a ratio";
  EXPECT_NEAR(study_average("deepseek-moe-16b"), 2.16, 0.005);
  EXPECT_NEAR(study_average("qwen1.5-moe-a2.7b"), 1.53, 0.005);
  EXPECT_NEAR(study_average("switch-base-128"), 1.24, 0.005);
  EXPECT_NEAR(study_average("mixtral-8x7b"), 1.15, 0.005);
  EXPECT_NEAR(study_average("olmoe-1b-7b"), 1.06, 0.005);
  EXPECT_EQ(study_average("switch-large-128"), 0);
}

TEST(StudyReading, ReproducesThePrintedContexts) {
  const StudyReading base = as_study_computed(find_study_model("switch-base-128"), 80, 16);
  EXPECT_NEAR(*base.baseline_tokens, 116e3, 500);
  EXPECT_NEAR(*base.prophet_tokens, 130e3, 500);
  const StudyReading qwen = as_study_computed(find_study_model("qwen1.5-moe-a2.7b"), 80, 16);
  EXPECT_NEAR(*qwen.baseline_tokens, 16.8e3, 50);
  EXPECT_NEAR(*qwen.prophet_tokens, 17.6e3, 50);
  const StudyReading olmoe = as_study_computed(find_study_model("olmoe-1b-7b"), 80, 16);
  EXPECT_NEAR(*olmoe.baseline_tokens, 32.4e3, 50);
  EXPECT_NEAR(*olmoe.prophet_tokens, 32.4e3, 50);
}

TEST(StudyReading, WithoutAnExpertSizeNothingIsClaimed) {
  for (const char* name : {"mixtral-8x22b", "jamba-1.5-large"}) {
    const StudyReading reading = as_study_computed(find_study_model(name), 80, 1);
    EXPECT_FALSE(reading.expert_buffer_gb || reading.extension || reading.extra_tokens) << name;
  }
}

/// Half of the last digit that the table prints, and a little for its own rounding.
constexpr double of_table(double digit) {
  return 0.5 * digit + 1e-9;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

TEST(StudyGrid, EqualsTheRecoveredTableInEveryCell) {
  const auto file = std::filesystem::path(PROPHET_SOURCE_DIR) / "../shared/claims/grid_384.csv";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "../shared/claims/grid_384.csv is not there";
  const auto rows = test::read_csv(file);
  const auto cells = whole_grid(Catalogue::study);
  ASSERT_EQ(rows.size(), cells.size());
  std::size_t with_buffer = 0;
  std::size_t with_extension = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& row = rows[i];
    const AnalyticCell& cell = cells[i];
    SCOPED_TRACE(row.at("model") + " " + row.at("gpu") + " " + row.at("batch"));
    ASSERT_EQ(cell.model->model.label, row.at("model"));
    ASSERT_EQ(cell.gpu, lower(row.at("gpu")));
    ASSERT_EQ(std::to_string(cell.batch), row.at("batch"));
    const auto number = [&](const char* column) { return std::stod(row.at(column)); };
    EXPECT_NEAR(cell.demand.unique_power_law, number("unique_power_law"), of_table(1e-4));
    EXPECT_NEAR(cell.demand.unique_uniform, number("unique_exact_uniform"), of_table(1e-4));
    EXPECT_NEAR(100 * cell.demand.by_power_law.savings, number("savings_pct"), of_table(1e-3));
    EXPECT_NEAR(cell.demand.by_power_law.sparsity, number("dedup"), of_table(1e-4));
    if (!row.at("expert_buffer_GB").empty()) {
      EXPECT_NEAR(*cell.study->expert_buffer_gb, number("expert_buffer_GB"), of_table(1e-3));
      EXPECT_NEAR(*cell.study->prophet_expert_gb, number("prophet_expert_GB"), of_table(1e-3));
      ++with_buffer;
    }
    if (cell.study->extension) {
      EXPECT_NEAR(*cell.study->extension, number("extension_recovered"), of_table(1e-3));
      ++with_extension;
    }
  }
  EXPECT_EQ(with_buffer, 5U * 24);
  EXPECT_EQ(with_extension, 14U * 24) << "two models have no printed expert size";
}

TEST(RealCatalogue, TotalsAgreeWithPublishedCounts) {
  ASSERT_EQ(published_counts().size(), catalogue_names().size());
  for (const std::string& name : catalogue_names()) {
    SCOPED_TRACE(name);
    const PublishedCount* const published = find_published_count(name);
    ASSERT_NE(published, nullptr);
    EXPECT_FALSE(published->source.empty());
    const auto model = catalogue_model(Catalogue::real, name);
    EXPECT_NEAR(*model->model.total_params / published->params, 1, 0.015);
  }
}

TEST(AnalyticGrid, WhereAllExpertsAreWantedNothingIsLost) {
  for (const AnalyticCell& cell : whole_grid(Catalogue::real)) {
    if (cell.demand.by_power_law.savings > 0 || cell.extension.outcome == ExtensionOutcome::neither) continue;
    SCOPED_TRACE(cell.model->model.name + " " + cell.gpu + " " + std::to_string(cell.batch));
    EXPECT_EQ(cell.extension.ratio, 1);
    EXPECT_EQ(cell.of(Approach::prophet).hit_rate, 1);
    EXPECT_EQ(cell.of(Approach::prophet).step->overlapped_ns,
              cell.of(Approach::all_resident).step->overlapped_ns);
  }
}

/// Two calculations of one thing: this one has no pages, slabs or block tables.
TEST(AnalyticGrid, ContextsAreThoseOfHeadroomButForItsPages) {
  std::size_t compared = 0;
  for (const AnalyticCell& cell : whole_grid(Catalogue::real)) {
    const std::uint64_t plain = *cell.of(Approach::all_resident).context_tokens_max;
    HeadroomQuestion question;
    question.model = load_model(cell.model->model.name);
    question.expert_dtype = question.model.expert_dtype;
    question.batch = cell.batch;
    question.cache_slabs = question.model.grid.size();
    DeviceRoom room;
    room.total_bytes = cell.memory_bytes;
    room.usable_bytes = cell.memory_bytes;
    const HeadroomTerms terms = headroom(question, room);
    if (!terms.fits()) continue;
    SCOPED_TRACE(cell.model->model.name + " " + cell.gpu + " " + std::to_string(cell.batch));
    const std::uint64_t of_token = *sequence_kv_bytes(cell.model->model, 1) * cell.batch;
    const double slabs_left = 2.0 * static_cast<double>(terms.slab_bytes) / static_cast<double>(of_token);
    EXPECT_GE(plain, terms.context_tokens);
    EXPECT_LE(static_cast<double>(plain - terms.context_tokens),
              0.02 * static_cast<double>(plain) + slabs_left + question.page_tokens);
    ++compared;
  }
  EXPECT_GT(compared, 90U);
}

/// Of one core's time, so that what else the machine does is not counted.
TEST(AnalyticGrid, TakesLessThanFiftyMillisecondsAtAnyPopularity) {
  for (const double zipf : {0.0, 1.0}) {
    CellOptions options;
    options.zipf = zipf;
    std::vector<std::shared_ptr<const CatalogueModel>> models;
    for (const char* const name : study_models) models.push_back(catalogue_model(Catalogue::real, name));
    std::vector<AnalyticGpu> gpus;
    for (const char* const name : study_gpus) gpus.push_back(catalogue_gpu(Catalogue::real, name));
    double shortest_ms = 1e9;
    for (int repetition = 0; repetition < 5; ++repetition) {
      const std::clock_t begin = std::clock();
      const auto cells = analytic_grid(models, gpus, {study_batches.begin(), study_batches.end()}, options);
      const double taken_ms = 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
      ASSERT_EQ(cells.size(), 384U);
      shortest_ms = std::min(shortest_ms, taken_ms);
    }
    std::printf("zipf %g: 384 cells in %.2f ms\n", zipf, shortest_ms);
#ifdef NDEBUG
    EXPECT_LT(shortest_ms, 50);
#endif
  }
}

}  // namespace
}  // namespace prophet::analytic
