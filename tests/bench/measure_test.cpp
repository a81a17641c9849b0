// The parts of `prophet measure` that need no GPU: statistics, sizes, bounds, tables.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "bench/measure/kernel_shapes.hpp"
#include "bench/measure/measured_rows.hpp"
#include "bench/measure/sizes.hpp"
#include "prophet/error.hpp"

namespace prophet::measure {
namespace {

TEST(Timing, AMedianIsASampleAndNeverAboveTheMiddle) {
  EXPECT_EQ(summarise({7, 1, 3}), (Timing{3, 1, 7}));
  EXPECT_EQ(summarise({9, 2, 4, 8}), (Timing{4, 2, 9}));
  EXPECT_EQ(summarise({5}), (Timing{5, 5, 5}));
  EXPECT_EQ(summarise({}), (Timing{}));
}

TEST(Sizes, AreReadWithTheirUnitsAndBounded) {
  EXPECT_EQ(parse_size("4KiB", "--x", 1, 1U << 30), 4096U);
  EXPECT_EQ(parse_size("3mib", "--x", 1, 1U << 30), 3U << 20);
  EXPECT_EQ(parse_size("1GiB", "--x", 1, 1U << 30), 1U << 30);
  EXPECT_EQ(parse_size("17", "--x", 1, 1U << 30), 17U);
  for (const char* wrong :
       {"", "KiB", "-1", "4KB", "1.5MiB", "2GiB", "0", "18446744073709551615GiB", "4KiB "}) {
    try {
      static_cast<void>(parse_size(wrong, "--x", 1, 1U << 30));
      ADD_FAILURE() << "'" << wrong << "' is a size";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_NE(std::string(error.what()).find("--x"), std::string::npos);
    }
  }
}

TEST(Sizes, ALadderEndsAtItsLastStepAndDoesNotOverflow) {
  EXPECT_EQ(size_ladder(4096, 70000, 4), (std::vector<std::uint64_t>{4096, 16384, 65536}));
  EXPECT_EQ(size_ladder(1ULL << 62, ~0ULL, 4), (std::vector<std::uint64_t>{1ULL << 62}));
  EXPECT_TRUE(size_ladder(2, 1, 2).empty());
}

TEST(Roofline, IsTheLargerOfTheTwoBoundsThatCanBind) {
  const kernels::ExpertRates rates{1e12, 1e14, 1e13};
  EXPECT_DOUBLE_EQ(*bound_ns({2e6, 1e9, OperationsOn::no_bound}, rates), 2000);
  EXPECT_DOUBLE_EQ(*bound_ns({2e6, 1e9, OperationsOn::vector}, rates), 100000);
  EXPECT_DOUBLE_EQ(*bound_ns({2e6, 1e9, OperationsOn::matrix}, rates), 10000);
  EXPECT_FALSE(bound_ns({2e6, 1e9, OperationsOn::no_bound}, {}));
  EXPECT_FALSE(bound_ns({2e6, 1e9, OperationsOn::vector}, {1e12, 1e14, 0}));
}

TEST(Profiles, AreChosenForTheGpusThatTheyDescribeAndNoOther) {
  constexpr std::uint64_t gib = 1ULL << 30;
  EXPECT_EQ(profile_of_gpu("NVIDIA H100 80GB HBM3", 79 * gib), "h100-80gb");
  EXPECT_EQ(profile_of_gpu("NVIDIA H200", 140 * gib), "h200");
  EXPECT_EQ(profile_of_gpu("NVIDIA A100-SXM4-80GB", 79 * gib), "a100-80gb");
  EXPECT_EQ(profile_of_gpu("NVIDIA A100-SXM4-40GB", 39 * gib), "a100-40gb");
  EXPECT_EQ(profile_of_gpu("Tesla V100-SXM2-32GB", 31 * gib), "v100-32gb");
  for (const char* other : {"NVIDIA GH200 480GB", "NVIDIA H100 PCIe", "NVIDIA H100 NVL", "NVIDIA A1000",
                            "NVIDIA L4", "NVIDIA A100-PCIE-40GB", "CUDA on CPU, a test vehicle, 0"}) {
    EXPECT_FALSE(profile_of_gpu(other, 79 * gib)) << other;
  }
  EXPECT_FALSE(profile_of_gpu("Tesla V100-SXM2-16GB", 15 * gib));
}

TEST(KernelShapes, AllHaveALayoutInEachOfTheirFormats) {
  for (const std::string& name : kernel_shape_names()) {
    const KernelShapes shapes = kernel_shapes(name);
    EXPECT_TRUE(kernels::is_valid(shapes.router)) << name;
    EXPECT_GT(shapes.slab_bytes, 0U) << name;
    for (const kernels::ExpertFormat format : shapes.formats)
      EXPECT_GT(expert_layout(shapes, format).size_bytes, 0U) << name;
  }
}

MeasuredCopies one_copy(bool times_mean_something) {
  MeasuredCopies measured;
  measured.gpu.times_mean_something = times_mean_something;
  measured.rows.push_back(
      {Direction::to_host, CopyWay::pinned, 1000000, 1, {20000, 10000, 40000}, {5, 4, 6}});
  return measured;
}

TEST(MeasuredRows, AShareIsOfTheLinkInTheCopysDirection) {
  MeasuredAgainst against{GpuProfile{}, {}};
  against.profile->link_bytes_per_s = 200e9;
  against.profile->link_down_bytes_per_s = 100e9;
  const Rows rows = copy_rows(one_copy(true), against);
  EXPECT_EQ(rows[0]["time_ns_median"], 20000);
  EXPECT_DOUBLE_EQ(rows[0]["bytes_per_s"].get<double>(), 50e9);
  EXPECT_DOUBLE_EQ(rows[0]["link_share"].get<double>(), 0.5);
  EXPECT_TRUE(copy_rows(one_copy(true), {})[0]["link_share"].is_null());
}

/// Keys of times, rates and shares.
bool says_how_long(const std::string& key) {
  return key.find("_ns") != std::string::npos || key.find("_per_s") != std::string::npos ||
         key.find("share") != std::string::npos || key == "measured_rows" || key == "peak_rows";
}

void expect_no_times(const Rows& rows) {
  ASSERT_FALSE(rows.empty());
  for (const auto& row : rows) {
    for (const auto& [key, value] : row.items()) EXPECT_EQ(value.is_null(), says_how_long(key)) << key;
  }
}

TEST(MeasuredRows, OfTheTestVehicleCarryNoTimeRateOrShare) {
  const MeasuredAgainst against{GpuProfile{}, {1e12, 1e14, 1e13}};
  expect_no_times(copy_rows(one_copy(false), against));
  MeasuredKernels kernels;
  kernels.gpu.times_mean_something = false;
  kernels.rows.push_back({"combine", "tiny", "x", {{"tokens", 2}}, combine_work(2, 2, 8), {3, 2, 4}});
  kernels.crossover.push_back(
      {"tiny", kernels::ExpertFormat::bf16, 2, 1, combine_work(2, 2, 8), {}, {3, 2, 4}, {3, 2, 4}});
  expect_no_times(kernel_rows(kernels, against));
  expect_no_times(crossover_rows(kernels, against));
  expect_no_times(crossover_answers(kernels, against));
  MeasuredBoundary boundary;
  boundary.gpu.times_mean_something = false;
  boundary.rows.push_back({BoundaryWay::retyped, true, 2, 4096, 1, {3, 2, 4}, {3, 2, 4}});
  expect_no_times(boundary_rows(boundary));
  EXPECT_EQ(copy_table(copy_rows(one_copy(false), against)).find("20"), std::string::npos);
}

MeasuredKernels compared(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& few_and_many) {
  MeasuredKernels measured;
  std::uint32_t rows = 1;
  for (const auto& [few, many] : few_and_many) {
    CrossoverRow row;
    row.model = "m";
    row.rows = rows;
    row.few.median_ns = few;
    row.many.median_ns = many;
    measured.crossover.push_back(row);
    rows *= 2;
  }
  return measured;
}

TEST(Crossover, IsWhereCublasBeginsToStayTheFasterWay) {
  const auto answer = [](const MeasuredKernels& measured) {
    return crossover_answers(measured, {})[0]["measured_rows"];
  };
  EXPECT_EQ(answer(compared({{10, 20}, {20, 20}, {40, 21}})), 2);
  EXPECT_EQ(answer(compared({{30, 20}, {20, 21}, {40, 21}})), 4);
  EXPECT_EQ(answer(compared({{30, 20}, {40, 21}})), 1);
  EXPECT_TRUE(answer(compared({{10, 20}, {20, 21}})).is_null());
}

TEST(Tables, QuoteWhatCsvCannotCarryAndNameTheSchema) {
  Rows rows = Rows::array();
  rows.push_back({{"name", "a \"b\", c"}, {"shape", {{"tokens", 2}, {"rows", 3}}}, {"time_ns", nullptr}});
  EXPECT_EQ(csv_text(rows),
            "schema_version,name,shape,time_ns\n1,\"a \"\"b\"\", c\",\"tokens 2, rows 3\",\n");
  const Column columns[] = {{"name", "name", "", 1, 0, 10, true}, {"time_ns", "time", "us", 1e-3, 1, 6}};
  EXPECT_EQ(table_text(columns, rows), "name         time\n               us\na \"b\", c        -\n");
}

}  // namespace
}  // namespace prophet::measure
