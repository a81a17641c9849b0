#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/trace/csv_import.hpp"
#include "runtime/trace/jsonl_import.hpp"
#include "runtime/trace/numpy_import.hpp"
#include "tests/trace/import/import_samples.hpp"

namespace prophet {
namespace {

using testing::bytes_of;
using ::testing::ElementsAre;
using testing::npy;
using testing::npy_with_header;
using testing::zip_of;

std::vector<std::uint32_t> all_ids(const RoutingTrace& trace) {
  std::vector<std::uint32_t> ids;
  for (std::uint64_t token = 0; token < trace.tokens(); ++token) {
    for (std::uint32_t layer = 0; layer < trace.shape().grid.layers; ++layer) {
      for (std::uint32_t rank = 0; rank < trace.shape().top_k; ++rank) {
        ids.push_back(trace.expert(token, LayerId{layer}, rank).value);
      }
    }
  }
  return ids;
}

template <class Item>
RoutingTrace ids_as(const std::string& descr, std::vector<Item> values) {
  return parse_npy(bytes_of(npy(descr, {1, 2, 2}, values)), "x.npy");
}

TEST(NumpyImport, EveryIntegerDtypeGivesTheSameIds) {
  const auto same = ElementsAre(3, 7, 0, 5);
  EXPECT_THAT(all_ids(ids_as<std::uint8_t>("|u1", {3, 7, 0, 5})), same);
  EXPECT_THAT(all_ids(ids_as<std::uint16_t>("<u2", {3, 7, 0, 5})), same);
  EXPECT_THAT(all_ids(ids_as<std::uint32_t>("<u4", {3, 7, 0, 5})), same);
  EXPECT_THAT(all_ids(ids_as<std::uint64_t>("<u8", {3, 7, 0, 5})), same);
  EXPECT_THAT(all_ids(ids_as<std::int16_t>("<i2", {3, 7, 0, 5})), same);
  EXPECT_THAT(all_ids(ids_as<std::int32_t>("<i4", {3, 7, 0, 5})), same);
  EXPECT_THAT(all_ids(ids_as<std::int64_t>("<i8", {3, 7, 0, 5})), same);
}

TEST(NumpyImport, EveryHeaderVersionIsRead) {
  const std::string dictionary = "{\"shape\": (1, 1, 2), 'descr':'|u1','fortran_order':False}\n";
  for (const char major : {'\1', '\2', '\3'}) {
    const auto trace = parse_npy(bytes_of(npy_with_header(dictionary, "\x02\x01", major)), "x.npy");
    EXPECT_THAT(all_ids(trace), ElementsAre(2, 1)) << int{major};
  }
}

TEST(NumpyImport, ExpertsAreTheLargestIdPlusOneRoundedUpToFour) {
  EXPECT_EQ(ids_as<std::uint8_t>("|u1", {3, 7, 0, 5}).shape().grid.experts, 8U);
  EXPECT_EQ(ids_as<std::uint8_t>("|u1", {3, 8, 0, 5}).shape().grid.experts, 12U);
  EXPECT_EQ(ids_as<std::uint16_t>("<u2", {3, 255, 0, 5}).id_bytes(), 1U);
  const RoutingTrace wide = ids_as<std::uint16_t>("<u2", {3, 256, 0, 511});
  EXPECT_EQ(wide.shape().grid.experts, 512U);
  EXPECT_THAT(all_ids(wide), ElementsAre(3, 256, 0, 511));
  ImportOptions options;
  options.experts = 300;
  const auto narrow_ids = npy<std::uint8_t>("|u1", {1, 2, 2}, {3, 7, 0, 5});
  const RoutingTrace told = parse_npy(bytes_of(narrow_ids), "x.npy", options);
  EXPECT_EQ(told.id_bytes(), 2U);
  EXPECT_THAT(all_ids(told), ElementsAre(3, 7, 0, 5));
}

TEST(NumpyImport, DenseLayersAreDroppedAndCounted) {
  ImportOptions options;
  options.dense_layers = 1;
  const auto array = npy<std::uint8_t>("|u1", {2, 3, 2}, {0, 0, 1, 2, 3, 4, 0, 0, 5, 6, 7, 0});
  const RoutingTrace trace = parse_npy(bytes_of(array), "x.npy", options);
  EXPECT_EQ(trace.shape().grid.layers, 2U);
  EXPECT_EQ(trace.shape().first_layer_id, 1U);
  EXPECT_THAT(all_ids(trace), ElementsAre(1, 2, 3, 4, 5, 6, 7, 0));
}

TEST(NumpyImport, AFileThatSaysNothingIsOfUnknownOrigin) {
  const auto array = npy<std::uint8_t>("|u1", {1, 1, 1}, {0});
  const TraceProvenance expected{"unknown", "x.npy", "unknown", "", false};
  EXPECT_EQ(parse_npy(bytes_of(array), "folder/x.npy").provenance(), expected);
}

TEST(NpzImport, ReadsWhatTheServersCapture) {
  for (const bool deflated : {true, false}) {
    const auto archive =
        zip_of({{"routed_experts.npy", npy<std::int32_t>("<i4", {3, 1, 2}, {0, 1, 2, 3, 4, 5})},
                {"weights.npy",
                 npy<std::uint16_t>("<f2", {3, 1, 2}, {0x3C00, 0x3800, 0xC000, 0x0001, 0x7BFF, 0x0000})},
                {"sequence_lengths.npy", npy<std::int64_t>("<i8", {2}, {1, 2})},
                {"num_experts.npy", npy<std::int64_t>("<i8", {}, {60})}},
               deflated);
    const RoutingTrace trace = parse_npz(bytes_of(archive), "x.npz");
    EXPECT_EQ(trace.shape().grid.experts, 60U);
    ASSERT_EQ(trace.sequences().size(), 2U);
    EXPECT_EQ(trace.sequences()[1].first_token, 1U);
    EXPECT_THAT(trace.weight_storage(), ElementsAre(1.0F, 0.5F, -2.0F, 0x1p-24F, 65504.0F, 0.0F));
  }
}

TEST(NpzImport, ASingleArrayMayHaveAnyName) {
  const auto archive = zip_of({{"arr_0.npy", npy<std::uint8_t>("|u1", {1, 1, 1}, {2})}, {"README", "text"}});
  EXPECT_THAT(all_ids(parse_npz(bytes_of(archive), "x.npz")), ElementsAre(2));
}

constexpr const char* csv_in_order =
    "step,layer,token,expert\n0,0,0,1\n0,0,0,2\n0,1,0,3\n0,1,0,4\n1,0,0,5\n1,0,0,6\n1,1,0,7\n1,1,0,0\n"
    "0,0,1,1\n0,0,1,0\n0,1,1,1\n0,1,1,0\n";

TEST(CsvImport, RowsMayStandInAnyOrderAndLinesEndInAnyWay) {
  const RoutingTrace expected = parse_csv(bytes_of(std::string(csv_in_order)), "x.csv");
  EXPECT_THAT(all_ids(expected), ElementsAre(1, 2, 3, 4, 5, 6, 7, 0, 1, 0, 1, 0));
  EXPECT_EQ(expected.sequences().size(), 2U);
  const std::string by_step =
      "\xEF\xBB\xBFstep,layer,token,expert\r\n"
      "0,0,1,1\r0,1,1,1\r0,0,0,1\n\n0,0,0,2\r\n0,0,1,0\n0,1,1,0\n0,1,0,3\n0,1,0,4\n"
      "1,1,0,7\n1,1,0,0\n1,0,0,5\n1,0,0,6";
  EXPECT_TRUE(parse_csv(bytes_of(by_step), "x.csv") == expected);
}

TEST(CsvImport, CommentsBeforeTheHeaderDescribeTheTrace) {
  const std::string text =
      "# made by hand\n# prophet_trace "
      "{\"prophet_trace\":1,\"model\":\"m\",\"experts\":9,\"synthetic\":true}\n"
      "# sequence 0 prefill 1 flags 2\nstep,layer,token,expert,weight\n0,0,0,1,0.5\n1,0,0,8,2e-3\n";
  const RoutingTrace trace = parse_csv(bytes_of(text), "x.csv");
  EXPECT_EQ(trace.shape().grid.experts, 9U);
  EXPECT_EQ(trace.provenance().model, "m");
  EXPECT_TRUE(trace.provenance().synthetic);
  EXPECT_EQ(trace.sequences()[0].prefill_tokens, 1U);
  EXPECT_EQ(trace.sequences()[0].flags, sequence_flags::repetitive);
  EXPECT_THAT(trace.weight_storage(), ElementsAre(0.5F, 0.002F));
}

TEST(JsonlImport, SequencesMayBeInterleaved) {
  const std::string text =
      "{\"sequence\":0,\"position\":1,\"experts\":[[2],[3]],\"weights\":[[1],[0.25]]}\n\n"
      "{\"sequence\":1,\"prefill\":true,\"flags\":8,\"experts\":[[4],[5]],\"weights\":[[2],[3]]}\n"
      "{\"sequence\":0,\"position\":0,\"prefill\":true,\"experts\":[[0],[1]],\"weights\":[[4],[-5]]}\n";
  const RoutingTrace trace = parse_jsonl(bytes_of(text), "x.jsonl");
  EXPECT_THAT(all_ids(trace), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(trace.weight_storage(), ElementsAre(4, -5, 1, 0.25, 2, 3));
  EXPECT_EQ(trace.sequences()[0].prefill_tokens, 1U);
  EXPECT_EQ(trace.sequences()[1].flags, sequence_flags::duplicate);
}

TEST(JsonlImport, MinimalTokensAndUnknownFieldsAreFine) {
  const std::string text =
      "{\"id\":\"a\",\"logprobs\":[{\"x\":[1,null]}],\"experts\":[[7,1]]}\r\n{\"experts\":[[300,2]]}";
  const RoutingTrace trace = parse_jsonl(bytes_of(text), "x.jsonl");
  EXPECT_THAT(all_ids(trace), ElementsAre(7, 1, 300, 2));
  EXPECT_EQ(trace.shape().grid.experts, 304U);
}

TEST(JsonlImport, ARequestPerLineIsASequencePerLine) {
  const std::string text =
      "{\"request_id\":\"r1\",\"routed_experts\":[[[0,1],[2,3]],[[4,5],[6,7]]]}\n{\"routed_experts\":[[[1,0],"
      "[3,2]]]}\n";
  const RoutingTrace trace = parse_jsonl(bytes_of(text), "x.jsonl");
  EXPECT_EQ(trace.shape().grid.layers, 2U);
  ASSERT_EQ(trace.sequences().size(), 2U);
  EXPECT_EQ(trace.sequences()[0].tokens, 2U);
  EXPECT_THAT(all_ids(trace), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 1, 0, 3, 2));
}

TEST(ImportOptions, OverruleWhatTheFileSaysButNotTheSyntheticMark) {
  const std::string text =
      "{\"prophet_trace\":1,\"model\":\"a\",\"licence\":\"MIT\",\"synthetic\":true}\n{\"experts\":[[1]]}\n";
  ImportOptions options;
  options.model = "b";
  options.experts = 16;
  const RoutingTrace trace = parse_jsonl(bytes_of(text), "x.jsonl", options);
  EXPECT_EQ(trace.provenance().model, "b");
  EXPECT_EQ(trace.provenance().licence, "MIT");
  EXPECT_TRUE(trace.provenance().synthetic);
  EXPECT_EQ(trace.shape().grid.experts, 16U);
}

}  // namespace
}  // namespace prophet
