// What a calibration measures with, where its fit begins, and how near it comes - with a sim as the machine,
// whose profile is known.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "bench/calibrate/calibration_plan.hpp"
#include "bench/calibrate/calibration_report.hpp"
#include "bench/calibrate/first_guess.hpp"
#include "bench/calibrate/fit_profile.hpp"
#include "prophet/error.hpp"
#include "runtime/device/cuda_driver.hpp"
#include "runtime/device/make_device.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t gib = 1ULL << 30;

std::vector<StepTimeConfig> all_of(const CalibrationPlan& plan) {
  std::vector<StepTimeConfig> all = plan.fitted;
  all.insert(all.end(), plan.held_out.begin(), plan.held_out.end());
  return all;
}

std::set<std::uint64_t> sizes_of(const std::vector<StepTimeConfig>& configs) {
  std::set<std::uint64_t> sizes;
  for (const StepTimeConfig& config : configs) sizes.insert(config.expert_bytes);
  return sizes;
}

/// Slabs, staging slabs and the always-resident parts.
std::uint64_t device_bytes(const StepTimeConfig& config) {
  const std::uint32_t staging = std::min(config.experts, config.top_k * config.batch);
  return std::uint64_t{config.slabs + staging + config.layers} * config.expert_bytes;
}

TEST(CalibrationPlan, AGpusStepsAreLargerThanItsCacheAndNoSizeIsBothFittedAndJudged) {
  const CalibrationPlan plan = gpu_plan(28 * gib, 64 * gib);
  EXPECT_EQ(plan.scale, 1);
  EXPECT_GE(plan.held_out.size(), 24U);
  for (const StepTimeConfig& config : all_of(plan)) {
    EXPECT_GT(config.layers * (1 + config.top_k) * config.expert_bytes, 148ULL << 20) << config.describe();
    EXPECT_EQ(config.link_bytes_per_s, 0);
    EXPECT_EQ(config.expert_bytes % (12 * config.hidden_size), 0U);
  }
  for (const std::uint64_t size : sizes_of(plan.held_out)) EXPECT_FALSE(sizes_of(plan.fitted).contains(size));
}

TEST(CalibrationPlan, AllOfItFitsTheMemoryThatThereIs) {
  for (const std::uint64_t device : {4 * gib / 10, 1 * gib, 4 * gib, 80 * gib}) {
    for (const std::uint64_t host : {4 * gib / 10, 2 * gib, 64 * gib}) {
      const CalibrationPlan plan = gpu_plan(device, host);
      EXPECT_EQ(plan.scale < 1, device < 4 * gib || host < 2 * gib + gib / 4);
      for (const StepTimeConfig& config : all_of(plan)) {
        EXPECT_LE(device_bytes(config), device) << config.describe();
        EXPECT_LE(config.layers * config.experts * config.expert_bytes, host) << config.describe();
        EXPECT_GE(config.expert_bytes, 1U << 20);
      }
    }
  }
  EXPECT_THROW(static_cast<void>(gpu_plan(80 * gib, gib / 10)), Error);
  EXPECT_THROW(static_cast<void>(gpu_plan(gib / 10, 64 * gib)), Error);
}

TEST(Calibration, NamesOfDevicesBecomeNamesOfProfiles) {
  EXPECT_EQ(profile_name("cpu"), "cpu");
  EXPECT_EQ(profile_name("cuda:0 (NVIDIA H100 80GB HBM3)"), "cuda-0-nvidia-h100-80gb-hbm3");
  EXPECT_EQ(profile_name(std::string(63, 'x') + "(y)").size(), 63U);
}

TEST(Calibration, TheFirstGuessOfAGpuIsAProfileThatCanBeWritten) {
  if (cuda_status().devices.empty()) GTEST_SKIP() << "no CUDA device";
  const auto device = make_device("cuda", {});
  const GpuProfile guess = first_guess(*device);
  EXPECT_EQ(guess.memory_bytes, device->info().memory_bytes);
  const ProfileSources sources = calibration_sources(device->info());
  EXPECT_EQ(parse_gpu_profile(gpu_profile_json(guess, sources), "guess"), guess);
  EXPECT_NE(sources.all.find(device->info().name), std::string::npos);
}

TEST(Calibration, StepsOfAGpusShapeRunOnTheCudaDevice) {
  if (cuda_status().devices.empty()) GTEST_SKIP() << "no CUDA device";
  const StepTimeConfig config{.layers = 2,
                              .experts = 4,
                              .top_k = 2,
                              .expert_bytes = 12 * 256 * 8,
                              .batch = 10,
                              .slabs = 4,
                              .prefetch = true,
                              .chunk_bytes = 4096,
                              .hidden_size = 256};
  for (const std::uint64_t step_ns : measure_steps("cuda", {{config, config}}, 8)) EXPECT_GT(step_ns, 0U);
}

/// The configurations with their steps on `machine`.
std::vector<MeasuredConfig> measured_on(const std::string& machine,
                                        const std::vector<StepTimeConfig>& configs, std::uint32_t steps) {
  const std::vector<std::uint64_t> times = measure_steps(machine, configs, steps);
  std::vector<MeasuredConfig> all;
  for (std::size_t c = 0; c < configs.size(); ++c) all.push_back({configs[c], times[c]});
  return all;
}

TEST(Calibration, OfASimulatedGpuFindsTheProfileThatItWasGiven) {
  const std::string machine = "sim:h100-80gb";
  constexpr std::uint32_t steps = 8;
  CalibrationPlan plan = gpu_plan(80 * gib, 64 * gib);
  // One batch of them is enough here: all are simulated again for every candidate of the fit.
  std::erase_if(plan.fitted, [](const StepTimeConfig& config) { return config.batch != 4; });
  // The sim has no copies within its memory, from which a GPU's rates are guessed.
  GpuProfile guess = first_guess(*make_device(machine, {}));
  guess.memory_bytes_per_s = 2.5e12;
  guess.flops_per_s = 15 * guess.memory_bytes_per_s;
  const GpuProfile found = fit_profile(guess, measured_on(machine, plan.fitted, steps), steps);

  std::vector<double> errors;
  for (const Judged& judged : judge(found, measured_on(machine, plan.held_out, steps), steps))
    errors.push_back(judged.error);
  std::sort(errors.begin(), errors.end());
  EXPECT_LT(errors[errors.size() / 2], 0.02);
  EXPECT_LT(errors.back(), 0.08);
  const GpuProfile given = load_gpu_profile("h100-80gb");
  EXPECT_NEAR(found.link_bytes_per_s / given.link_bytes_per_s, 1, 0.05);
  EXPECT_NEAR(found.memory_bytes_per_s / given.memory_bytes_per_s, 1, 0.1);
}

}  // namespace
}  // namespace prophet
