#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "prophet/error.hpp"
#include "runtime/trace/csv_import.hpp"
#include "runtime/trace/jsonl_import.hpp"
#include "runtime/trace/numpy_import.hpp"
#include "tests/trace/import/import_samples.hpp"
#include "tests/trace/import/malformed_files.hpp"

namespace prophet {
namespace {

using testing::Malformed;

std::vector<Malformed> all_cases() {
  std::vector<Malformed> all;
  for (auto cases : {testing::malformed_npy_files(), testing::malformed_npz_files(),
                     testing::malformed_csv_files(), testing::malformed_jsonl_files()})
    all.insert(all.end(), cases.begin(), cases.end());
  return all;
}

class MalformedImport : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedImport, IsRefusedWithASentenceThatHelps) {
  const Malformed& file = GetParam();
  try {
    (void)file.parse(testing::bytes_of(file.content), "x", file.options);
    FAIL() << "the file passed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_THAT(error.what(), ::testing::StartsWith("x: "));
    for (const std::string& part : file.sentence_parts) EXPECT_THAT(error.what(), ::testing::HasSubstr(part));
  }
}

INSTANTIATE_TEST_SUITE_P(Files, MalformedImport, ::testing::ValuesIn(all_cases()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(MissingImport, AMissingFileIsNamed) {
  for (auto* import : {import_npy, import_npz, import_csv, import_jsonl}) {
    try {
      (void)import("absent/x.trace", {});
      FAIL() << "an absent file passed";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("absent/x.trace"));
    }
  }
}

}  // namespace
}  // namespace prophet
