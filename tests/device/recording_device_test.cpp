#include "runtime/device/decorators/recording_device.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "prophet/error.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/handles.hpp"

namespace prophet {
namespace {

class RecordingTest : public ::testing::Test {
 protected:
  RecordingTest() : device_(make_cpu_device({1ULL << 20, 0}), RecordingOptions{5}) {}
  ~RecordingTest() override { std::filesystem::remove(path_); }

  void copy(StreamId stream, int times) {
    const Buffer host(device_, MemoryKind::host_pinned, 64);
    for (int i = 0; i < times; ++i) device_.copy(stream, host.view(), host.view(), 40);
    device_.synchronize();
  }
  [[nodiscard]] nlohmann::json written() {
    device_.write(path_);
    return nlohmann::json::parse(std::ifstream(path_));
  }

  RecordingDevice device_;
  std::string path_ = ::testing::TempDir() + "prophet_recording_" +
                      ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".json";
};

TEST_F(RecordingTest, WritesATraceThatNamesStreamsAndSpans) {
  const Stream first(device_, StreamRole::compute);
  const Stream second(device_, StreamRole::prefetch_copy);
  copy(first.id(), 3);
  copy(second.id(), 2);
  const nlohmann::json trace = written();
  EXPECT_EQ(trace["otherData"]["device"], "cpu");
  EXPECT_EQ(trace["otherData"]["simulated"], false);
  EXPECT_EQ(trace["otherData"]["dropped_spans"], 0);
  int spans = 0;
  int threads = 0;
  for (const auto& event : trace["traceEvents"]) {
    if (event["name"] == "thread_name") ++threads;
    if (event["ph"] != "X") continue;
    ++spans;
    EXPECT_EQ(event["name"], "copy");
    EXPECT_EQ(event["args"]["tag"], 40);
    EXPECT_EQ(event["args"]["bytes"], 64);
    EXPECT_GE(event["dur"].get<double>(), 0);
  }
  EXPECT_EQ(spans, 5);
  EXPECT_EQ(threads, 2);
}

TEST_F(RecordingTest, SaysWhereItsTimesComeFrom) {
  EXPECT_EQ(written()["otherData"]["provenance"], nlohmann::json::object());
  device_.write(path_, R"({"seed": 7})");
  EXPECT_EQ(nlohmann::json::parse(std::ifstream(path_))["otherData"]["provenance"]["seed"], 7);
}

TEST_F(RecordingTest, KeepsNoMoreThanItsBoundAndSaysHowManyItDropped) {
  const Stream stream(device_, StreamRole::compute);
  copy(stream.id(), 12);
  EXPECT_EQ(device_.kept_spans(), 5U);
  EXPECT_EQ(device_.dropped_spans(), 7U);
  EXPECT_EQ(written()["otherData"]["dropped_spans"], 7);
}

TEST_F(RecordingTest, KeepsTheSpansOfDestroyedStreams) {
  { copy(Stream(device_, StreamRole::compute).id(), 2); }
  EXPECT_EQ(device_.kept_spans(), 2U);
}

TEST_F(RecordingTest, AFileThatCannotBeWrittenIsRefused) {
  path_ = "/nonexistent-directory/timeline.json";
  try {
    device_.write(path_);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_NE(std::string(error.what()).find(path_), std::string::npos);
  }
}

}  // namespace
}  // namespace prophet
