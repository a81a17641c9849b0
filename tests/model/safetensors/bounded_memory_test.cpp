#include <gtest/gtest.h>

#include <functional>
#include <span>
#include <string>

#include "prophet/limits.hpp"
#include "runtime/model/safetensors/safetensors_file.hpp"
#include "tests/model/test_data.hpp"
#include "tests/support/allocation_counter.hpp"
#include "tests/support/safetensors_writer.hpp"

/// Whatever a header says, reading it costs what parse_safetensors_header() promises: at most 8 bytes for
/// each of its bytes, and 64 MiB.
namespace prophet {
namespace {

constexpr std::size_t header_bytes = 8U << 20;
constexpr std::uint64_t allowed_bytes = 8 * header_bytes;
constexpr std::uint64_t allowed_for_a_text_bytes = 64U << 20;

/// std::string("{") + as many of item(0), item(1), ... as fit + "}".
std::string header_of(const std::function<std::string(std::size_t)>& item, const std::string& ending = "}") {
  std::string header = "{";
  for (std::size_t i = 0; header.size() < header_bytes; ++i) {
    if (i > 0) header += ',';
    header += item(i);
  }
  return header + ending;
}

std::string empty_tensor(const std::string& name, const std::string& shape) {
  return std::string("\"") + name + R"(":{"dtype":"U8","shape":[)" + shape + R"(],"data_offsets":[0,0]})";
}

std::uint64_t peak_of_reading(const std::string& header) {
  const auto file = testing::safetensors_bytes(header);
  const auto before = testing::heap_bytes();
  testing::reset_heap_bytes_peak();
  static_cast<void>(test::refusal_of([&] { return read_safetensors(std::as_bytes(std::span(file)), "f"); }));
  return testing::heap_bytes_peak() - before;
}

class HostileHeader : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::heap_allocations_are_counted())
      GTEST_SKIP() << "the sanitizers keep operator new for themselves";
  }
};

TEST_F(HostileHeader, OfMinimalTensorsStaysWithinItsBound) {
  EXPECT_LE(peak_of_reading(header_of([](std::size_t i) { return empty_tensor(std::to_string(i), "0"); })),
            allowed_bytes);
}

TEST_F(HostileHeader, OfManyDimensionsStaysWithinItsBound) {
  std::string shape = "0";
  for (int i = 0; i < 63; ++i) shape += ",1";
  EXPECT_LE(peak_of_reading(header_of([&](std::size_t i) { return empty_tensor(std::to_string(i), shape); })),
            allowed_bytes);
  const auto endless = header_of([](std::size_t) { return std::string("1"); });
  EXPECT_LE(
      peak_of_reading(std::string("{\"a\":{\"shape\":[") + endless.substr(1, endless.size() - 2) + "]}}"),
      allowed_bytes);
}

TEST_F(HostileHeader, OfLongNamesStaysWithinItsBound) {
  const std::string name(1000, 'n');
  EXPECT_LE(
      peak_of_reading(header_of([&](std::size_t i) { return empty_tensor(name + std::to_string(i), "0"); })),
      allowed_bytes);
  const auto of_name = [](std::size_t bytes) {
    return peak_of_reading(std::string("{\"") + std::string(bytes, 'n') + "\":1}");
  };
  EXPECT_LE(of_name(limits::header_string_bytes_max), allowed_for_a_text_bytes);
  EXPECT_LE(of_name(limits::header_string_bytes_max + 1), 1U << 20);
}

TEST_F(HostileHeader, OfMetadataKeepsNothing) {
  const auto texts =
      header_of([](std::size_t i) { return std::string("\"k") + std::to_string(i) + "\":\"value\""; }, "}}");
  EXPECT_LE(peak_of_reading(std::string("{\"__metadata__\":") + texts), 1U << 20);
}

TEST_F(HostileHeader, OfUnknownFieldsKeepsNothing) {
  std::string list = "[0";
  while (list.size() < header_bytes) list += ",{\"x\":[1,2,3]}";
  EXPECT_LE(
      peak_of_reading(std::string("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"x\":") +
                      list + "]}}"),
      1U << 20);
}

TEST_F(HostileHeader, ThatNestsIsRefusedBeforeItIsFollowed) {
  EXPECT_LE(peak_of_reading(std::string(header_bytes, '[')), 1U << 20);
}

}  // namespace
}  // namespace prophet
