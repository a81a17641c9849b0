#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "prophet/error.hpp"
#include "runtime/trace/csv_import.hpp"
#include "runtime/trace/jsonl_import.hpp"
#include "runtime/trace/numpy_export.hpp"
#include "runtime/trace/numpy_import.hpp"
#include "runtime/trace/text_export.hpp"
#include "tests/trace/import/import_samples.hpp"

namespace prophet {
namespace {

class ImportRoundTrip : public ::testing::Test {
 protected:
  ImportRoundTrip()
      : folder_(std::filesystem::path(::testing::TempDir()) / ("prophet_rt_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~ImportRoundTrip() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::filesystem::path file(const char* name) const { return folder_ / name; }
  [[nodiscard]] bool folder_is_empty() const { return std::filesystem::is_empty(folder_); }

 private:
  std::filesystem::path folder_;
};

TEST_F(ImportRoundTrip, EveryFullFormatGivesTheSameTraceBack) {
  const std::uint64_t seed = testing::run_seed();
  Random random(seed);
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed) + " round " + std::to_string(round));
    const RoutingTrace trace = testing::random_trace(random, round % 2 == 0);
    export_csv(trace, file("t.csv"));
    EXPECT_TRUE(import_csv(file("t.csv")) == trace);
    export_jsonl(trace, file("t.jsonl"));
    EXPECT_TRUE(import_jsonl(file("t.jsonl")) == trace);
    export_npz(trace, file("t.npz"));
    EXPECT_TRUE(import_npz(file("t.npz")) == trace);
  }
}

TEST_F(ImportRoundTrip, NpyKeepsTheIds) {
  Random random(testing::run_seed());
  RoutingTrace trace = testing::random_trace(random, false);
  while (trace.provenance().synthetic) trace = testing::random_trace(random, false);
  export_npy(trace, file("t.npy"));
  ImportOptions options;
  options.experts = trace.shape().grid.experts;
  const RoutingTrace back = import_npy(file("t.npy"), options);
  EXPECT_TRUE(std::ranges::equal(back.id_storage(), trace.id_storage()));
  EXPECT_EQ(back.sequences().size(), 1U);
}

TEST_F(ImportRoundTrip, ASyntheticTraceNeverLosesItsMark) {
  Random random(testing::run_seed());
  RoutingTrace trace = testing::random_trace(random, false);
  while (!trace.provenance().synthetic) trace = testing::random_trace(random, false);
  EXPECT_THROW(export_npy(trace, file("t.npy")), Error);
  EXPECT_TRUE(folder_is_empty());
  ImportOptions options;
  options.synthetic = false;
  export_csv(trace, file("t.csv"));
  EXPECT_TRUE(import_csv(file("t.csv"), options).provenance().synthetic);
}

TEST_F(ImportRoundTrip, AnExportThatFailsLeavesNothingBehind) {
  Random random(testing::run_seed());
  const RoutingTrace trace = testing::random_trace(random, true);
  const auto nowhere = file("absent") / "t";
  EXPECT_THROW(export_csv(trace, nowhere), Error);
  EXPECT_THROW(export_jsonl(trace, nowhere), Error);
  EXPECT_THROW(export_npz(trace, nowhere), Error);
  EXPECT_TRUE(folder_is_empty());
}

}  // namespace
}  // namespace prophet
