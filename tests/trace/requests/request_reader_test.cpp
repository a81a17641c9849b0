#include "runtime/trace/requests/request_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::filesystem::path folder = std::filesystem::path(PROPHET_SOURCE_DIR) / "../shared/traces/requests";
const std::string csv_header = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

std::vector<RequestRecord> read(const std::string& text) {
  const auto reader = parse_requests(std::as_bytes(std::span(text)), "requests");
  std::vector<RequestRecord> requests;
  for (RequestRecord request; reader->next(request);) requests.push_back(request);
  return requests;
}

TEST(RequestReader, ReadsAzuresTimesToTheirLastDecimal) {
  const auto requests = read(csv_header +
                             "2023-12-31 23:59:59.9799600,4808,10\r\n"
                             "2024-01-01 00:00:00,3180,8\n"
                             "\n"
                             "2024-03-01 00:00:00.5,1,1");
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0], (RequestRecord{0, 4808, 10, {}}));
  EXPECT_EQ(requests[1], (RequestRecord{20'040'000, 3180, 8, {}}));
  // 31 + 29 days of a leap year.
  EXPECT_EQ(requests[2].arrival_ns, 60ULL * 24 * 3600 * 1'000'000'000 + 520'040'000);
}

TEST(RequestReader, ReadsMooncakesBlocksAndPassesWhatItDoesNotKnow) {
  const auto requests = read(
      R"({"timestamp": 7, "input_length": 513, "output_length": 2, "hash_ids": [4, 9], "x": {"y": [[1]]}})"
      "\n"
      R"({"output_length":1,"input_length":512,"timestamp":3007,"hash_ids":[4]})"
      "\n"
      R"({"output_length":3,"input_length":1,"timestamp":3007})"
      "\n");
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0], (RequestRecord{0, 513, 2, {4, 9}}));
  EXPECT_EQ(requests[1], (RequestRecord{3'000'000'000, 512, 1, {4}}));
  EXPECT_EQ(requests[2], (RequestRecord{3'000'000'000, 1, 3, {}}));
}

struct Malformed {
  const char* name;
  std::string text;
  const char* place;
  const char* sentence;
};

void PrintTo(const Malformed& malformed, std::ostream* out) {
  *out << malformed.name;
}

class MalformedRequests : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedRequests, AreRefusedInOneSentenceWithTheLine) {
  try {
    (void)read(GetParam().text);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_THAT(error.what(), StartsWith(GetParam().place));
    EXPECT_THAT(error.what(), HasSubstr(GetParam().sentence));
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  }
}

std::string row(const std::string& line) {
  return csv_header + "2023-11-16 18:17:03.9799600,4808,10\n" + line + "\n";
}

std::string object(const std::string& fields) {
  return "{\"timestamp\": 5, \"input_length\": 1, \"output_length\": 1}\n{" + fields + "}\n";
}

INSTANTIATE_TEST_SUITE_P(
    Requests, MalformedRequests,
    ::testing::Values(
        Malformed{"empty", "", "requests", "is empty"},
        Malformed{"other_header", "time,a,b\n", "requests: line 1", "expected the header"},
        Malformed{"two_fields", row("2023-11-16 18:17:04,5"), "requests: line 3", "has 2 fields, expected 3"},
        Malformed{"four_fields", row("2023-11-16 18:17:04,5,6,7"), "requests: line 3", "has 4 fields"},
        Malformed{"negative_tokens", row("2023-11-16 18:17:04,-5,6"), "requests: line 3",
                  "ContextTokens is '-5', expected an integer of 1 to"},
        Malformed{"no_output", row("2023-11-16 18:17:04,5,0"), "requests: line 3", "GeneratedTokens is '0'"},
        Malformed{"absurd_tokens", row("2023-11-16 18:17:04,99999999999,1"), "requests: line 3",
                  "ContextTokens is '99999999999'"},
        Malformed{"fraction_of_a_token", row("2023-11-16 18:17:04,5.5,1"), "requests: line 3",
                  "ContextTokens is '5.5'"},
        Malformed{"no_date", row("18:17:04,5,1"), "requests: line 3", "TIMESTAMP is '18:17:04'"},
        Malformed{"thirtieth_of_february", row("2023-02-30 18:17:04,5,1"), "requests: line 3", "TIMESTAMP"},
        Malformed{"hour_24", row("2023-11-16 24:00:00,5,1"), "requests: line 3", "TIMESTAMP"},
        Malformed{"before_the_epoch", row("1969-11-16 18:17:04,5,1"), "requests: line 3", "TIMESTAMP"},
        Malformed{"ten_decimals", row("2023-11-16 18:17:04.1234567890,5,1"), "requests: line 3", "TIMESTAMP"},
        Malformed{"unordered_csv", row("2023-11-16 18:17:03.9699600,5,1"), "requests: line 3",
                  "comes 10.000 ms before"},
        Malformed{"centuries_later", row("2123-11-16 18:17:04,5,1"), "requests: line 3",
                  "after the first request"},
        Malformed{"no_json", object("\"timestamp\": }"), "requests: line 2", "is no JSON"},
        Malformed{"array", "{\"timestamp\": 5, \"input_length\": 1, \"output_length\": 1}\n[1]\n",
                  "requests: line 2", "is an array"},
        Malformed{"number", "{\"timestamp\": 5, \"input_length\": 1, \"output_length\": 1}\n7\n",
                  "requests: line 2", "is 7, expected an object"},
        Malformed{"missing_field", object("\"timestamp\": 6, \"input_length\": 4"), "requests: line 2",
                  "has no field 'output_length'"},
        Malformed{"field_twice", object("\"timestamp\": 6, \"timestamp\": 6"), "requests: line 2",
                  "stands twice"},
        Malformed{"negative_length", object("\"timestamp\": 6, \"input_length\": -4"), "requests: line 2",
                  "field 'input_length' is -4, expected an integer of 1"},
        Malformed{"length_as_text", object("\"input_length\": \"4\""), "requests: line 2",
                  "field 'input_length' is a text"},
        Malformed{"fraction", object("\"output_length\": 1.5"), "requests: line 2",
                  "field 'output_length' is 1.5"},
        Malformed{"no_tokens", object("\"output_length\": 0"), "requests: line 2",
                  "field 'output_length' is 0"},
        Malformed{"beyond_64_bits", object("\"timestamp\": 99999999999999999999"), "requests: line 2",
                  "field 'timestamp' is 99999999999999999999"},
        Malformed{"unordered_json", object("\"timestamp\": 4, \"input_length\": 1, \"output_length\": 1"),
                  "requests: line 2", "comes 1.000 ms before"},
        Malformed{"too_few_blocks",
                  object("\"timestamp\": 6, \"input_length\": 513, \"output_length\": 1, \"hash_ids\": [1]"),
                  "requests: line 2", "has 1 hash_ids for input_length 513, expected 2"},
        Malformed{"negative_block", object("\"hash_ids\": [-1]"), "requests: line 2",
                  "has -1, expected a list"},
        Malformed{"blocks_no_list", object("\"hash_ids\": 3"), "requests: line 2", "has 3, expected a list"},
        Malformed{"nested_blocks", object("\"hash_ids\": [[3]]"), "requests: line 2", "has an array"},
        Malformed{"deep", object("\"x\": " + std::string(1000, '[') + std::string(1000, ']')),
                  "requests: line 2", "nests deeper"},
        Malformed{"long_line", object("\"x\": \"" + std::string(limits::text_line_bytes_max, 'x') + "\""),
                  "requests: line 2", "is longer than"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(RequestReader, AnErrorIsNotThereBeforeItsLineIsRead) {
  const std::string text = row("2023-11-16 18:17:04,5,0");
  const auto reader = parse_requests(std::as_bytes(std::span(text)), "requests");
  RequestRecord request;
  EXPECT_EQ(reader->format(), "azure-csv");
  EXPECT_TRUE(reader->next(request));
  EXPECT_THROW((void)reader->next(request), Error);
}

TEST(RequestReader, ReadsTheRecordedTracesWhereTheyAre) {
  struct Known {
    const char* file;
    std::size_t requests;
    std::uint64_t prompt_tokens;
  };
  for (const Known& known : {Known{"AzureLLMInferenceTrace_2023_code.csv", 8819, 18'059'974},
                             Known{"AzureLLMInferenceTrace_2023_conv.csv", 19366, 22'361'870},
                             Known{"mooncake_fast25_conversation.jsonl", 12031, 144'793'823},
                             Known{"mooncake_fast25_synthetic.jsonl", 3993, 61'194'628}}) {
    if (!std::filesystem::exists(folder / known.file))
      GTEST_SKIP() << "shared/traces/requests/" << known.file << " is not there";
    const auto requests = load_requests(folder / known.file, 0);
    std::uint64_t prompt_tokens = 0;
    for (const RequestRecord& request : requests) prompt_tokens += request.prompt_tokens;
    EXPECT_EQ(requests.size(), known.requests) << known.file;
    EXPECT_EQ(prompt_tokens, known.prompt_tokens) << known.file;
  }
}

}  // namespace
}  // namespace prophet::testing
