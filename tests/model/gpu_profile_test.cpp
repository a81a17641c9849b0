#include "runtime/model/gpu_profile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "runtime/base/random.hpp"
#include "tests/model/test_data.hpp"

namespace prophet {
namespace {

using test::data_folder;
using test::refusal_of;
using test::text_of;
using testing::ElementsAre;
using testing::HasSubstr;

std::string shipped_text(const std::string& name) {
  return text_of(std::filesystem::path(PROPHET_SOURCE_DIR) / "runtime/model/data/profiles" /
                 (name + ".json"));
}

TEST(GpuProfile, FiveAreShippedAndEveryNumberNamesItsSource) {
  EXPECT_THAT(gpu_profile_names(), ElementsAre("v100-32gb", "a100-40gb", "a100-80gb", "h100-80gb", "h200"));
  for (const auto& name : gpu_profile_names()) {
    SCOPED_TRACE(name);
    EXPECT_EQ(load_gpu_profile(name).name, name);
    EXPECT_FALSE(load_gpu_profile(name).measured);
    const auto figures = gpu_profile_figures(name);
    EXPECT_EQ(figures.size(), 18U);
    for (const auto& figure : figures) EXPECT_GT(figure.source.size(), 10U) << figure.field;
  }
}

TEST(GpuProfile, TheLibraryHoldsTheFilesOfTheSourceTree) {
  for (const auto& name : gpu_profile_names()) {
    EXPECT_EQ(parse_gpu_profile(shipped_text(name), name), load_gpu_profile(name));
  }
}

TEST(GpuProfile, FiguresStandInTheirUnits) {
  const auto h100 = load_gpu_profile("H100-80GB");
  EXPECT_EQ(h100.memory_bytes, (80ULL << 30) - (3ULL << 29));
  EXPECT_DOUBLE_EQ(h100.memory_bytes_per_s, 3015e9);
  EXPECT_DOUBLE_EQ(h100.link_bytes_per_s, 55.6e9);
  EXPECT_EQ(h100.host_submit_ns, 2500U);
  EXPECT_DOUBLE_EQ(load_gpu_profile("a100-80gb").link_bytes_per_s, 24.8e9);
}

TEST(GpuProfile, WrittenTextReadsBackToAnEqualProfile) {
  const auto seed = test::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 1000; ++round) {
    GpuProfile profile;
    profile.name = "machine-" + std::to_string(round);
    profile.memory_bytes = (1ULL << 20) + random.below((1ULL << 50) - (1ULL << 20));
    for (auto* rate :
         {&profile.memory_bytes_per_s, &profile.flops_per_s, &profile.vector_flops_per_s,
          &profile.link_bytes_per_s, &profile.link_down_bytes_per_s, &profile.host_memory_bytes_per_s,
          &profile.host_flops_per_s, &profile.zero_copy_bytes_per_s}) {
      *rate = std::pow(10.0, 6 + 8 * random.uniform());
    }
    for (auto* latency : {&profile.copy_latency_ns, &profile.launch_latency_ns, &profile.event_latency_ns,
                          &profile.host_submit_ns, &profile.host_wake_ns}) {
      *latency = random.below(1000000001);
    }
    profile.host_cores = 1 + random.below(4096);
    profile.copy_rate_while_computing = 0.01 + 0.98 * random.uniform();
    profile.compute_rate_while_copying = 0.01 + 0.98 * random.uniform();
    profile.measured = random.chance(0.5);
    EXPECT_EQ(parse_gpu_profile(gpu_profile_json(profile), "round trip"), profile);
  }
}

TEST(GpuProfile, AFileOfItsOwnIsReadByItsPath) {
  const auto file = std::filesystem::path(testing::TempDir()) / "prophet-profile-test.json";
  auto profile = load_gpu_profile("h200");
  profile.name = "my-machine";
  profile.measured = true;
  std::ofstream(file) << gpu_profile_json(profile);
  EXPECT_EQ(load_gpu_profile(file.string()), profile);
  EXPECT_EQ(gpu_profile_figures(file.string()).front().source, "measured by prophet calibrate");
  std::filesystem::remove(file);
}

TEST(GpuProfile, AWrittenFileSaysOfEachNumberWhatItRestsOn) {
  const auto file = std::filesystem::path(testing::TempDir()) / "prophet-sources-test.json";
  std::ofstream(file) << gpu_profile_json(load_gpu_profile("h200"),
                                          {"fitted to a machine", {{"memory_bytes", "asked of it"}}});
  const auto figures = gpu_profile_figures(file.string());
  EXPECT_EQ(figures.at(0).source, "asked of it");
  for (std::size_t i = 1; i < figures.size(); ++i) EXPECT_EQ(figures[i].source, "fitted to a machine");
  std::filesystem::remove(file);
}

TEST(GpuProfile, BareNumbersAreUnderstood) {
  auto json = nlohmann::json::parse(shipped_text("h100-80gb"));
  json["host_wake_ns"] = 7000;
  EXPECT_EQ(parse_gpu_profile(json.dump(), "p").host_wake_ns, 7000U);
}

TEST(GpuProfile, AFileFromBeforeTheVectorRateIsStillRead) {
  auto json = nlohmann::json::parse(shipped_text("h100-80gb"));
  json.erase("vector_flops_per_s");
  auto expected = load_gpu_profile("h100-80gb");
  expected.vector_flops_per_s = expected.flops_per_s / 16;
  EXPECT_EQ(parse_gpu_profile(json.dump(), "p"), expected);
  const auto file = std::filesystem::path(testing::TempDir()) / "prophet-old-profile-test.json";
  std::ofstream(file) << json.dump();
  EXPECT_EQ(gpu_profile_figures(file.string()).at(3).source, "not in the file: flops_per_s over 16");
  std::filesystem::remove(file);
}

TEST(GpuProfile, AFileThatSaysNothingOfItsHostGetsAnUsualOne) {
  auto json = nlohmann::json::parse(shipped_text("h100-80gb"));
  auto expected = load_gpu_profile("h100-80gb");
  for (const char* field :
       {"host_memory_bytes_per_s", "host_cores", "host_flops_per_s", "zero_copy_bytes_per_s"})
    json.erase(field);
  expected.host_memory_bytes_per_s = 4 * expected.link_bytes_per_s;
  expected.host_cores = 16;
  expected.host_flops_per_s = 16 * 32e9;
  expected.zero_copy_bytes_per_s = 0.63 * expected.link_bytes_per_s;
  EXPECT_EQ(parse_gpu_profile(json.dump(), "p"), expected);
  EXPECT_EQ(with_host_figures(expected), expected);
}

TEST(GpuProfile, AFileThatSaysNothingOfAPeerLinkLeavesItUnknown) {
  auto json = nlohmann::json::parse(shipped_text("h100-80gb"));
  json.erase("peer_bytes_per_s");
  auto expected = load_gpu_profile("h100-80gb");
  EXPECT_DOUBLE_EQ(expected.peer_bytes_per_s, 370e9);
  expected.peer_bytes_per_s = 0;
  EXPECT_EQ(parse_gpu_profile(json.dump(), "p"), expected);
  EXPECT_THAT(gpu_profile_json(expected), testing::Not(HasSubstr("peer_bytes_per_s")));
  EXPECT_EQ(parse_gpu_profile(gpu_profile_json(expected), "p"), expected);
}

TEST(GpuProfile, UnknownNamesAreNoDeviceAndMissingFilesBadInput) {
  try {
    static_cast<void>(load_gpu_profile("rtx-9090"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::no_device);
    EXPECT_STREQ(error.what(),
                 "GPU profile 'rtx-9090' is not known; expected a path of a profile file or one of "
                 "v100-32gb, a100-40gb, "
                 "a100-80gb, h100-80gb, h200");
  }
  EXPECT_EQ(refusal_of([] { return load_gpu_profile("gone.json"); }),
            "'gone.json': no such file; expected a JSON file");
  EXPECT_EQ(refusal_of([] { return load_gpu_profile("/"); }),
            "'/': not a regular file; expected a JSON file");
}

TEST(GpuProfile, AbsurdNumbersAreRefusedWithFieldValueAndExpectation) {
  for (const auto& item : nlohmann::json::parse(text_of(data_folder() / "refused_profiles.json"))) {
    SCOPED_TRACE(item.at("promise"));
    auto json = nlohmann::json::parse(shipped_text("h100-80gb"));
    json.merge_patch(item.at("set"));
    EXPECT_EQ(refusal_of([&] { return parse_gpu_profile(json.dump(), "profile.json"); }), item.at("says"));
  }
}

TEST(GpuProfile, WhatCouldNotBeReadBackIsNotWritten) {
  auto profile = load_gpu_profile("h100-80gb");
  profile.flops_per_s = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(refusal_of([&] { return gpu_profile_json(profile); }),
            "profile 'h100-80gb': field flops_per_s is nan; expected a number from 1e+06 to 1e+18");
  profile = load_gpu_profile("h100-80gb");
  profile.name = "a b";
  EXPECT_THAT(refusal_of([&] { return gpu_profile_json(profile); }), HasSubstr("name of 3 characters"));
}

}  // namespace
}  // namespace prophet
