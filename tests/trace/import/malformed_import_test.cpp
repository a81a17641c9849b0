#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/trace/csv_import.hpp"
#include "runtime/trace/jsonl_import.hpp"
#include "runtime/trace/numpy_import.hpp"
#include "tests/trace/import/import_samples.hpp"

namespace prophet {
namespace {

using testing::npy;
using testing::npy_with_header;
using testing::zip_of;

using Parse = RoutingTrace (*)(std::span<const std::byte>, std::string_view, const ImportOptions&);

/// One malformed file and what its refusal must say.
struct Malformed {
  const char* name;
  Parse parse;
  std::string content;
  std::vector<std::string> sentence_parts;
  ImportOptions options = {};
};

std::string good_npy() {
  return npy<std::uint8_t>("|u1", {2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
}

std::string npy_header(const std::string& dictionary, std::size_t data_bytes = 8) {
  return npy_with_header(dictionary, std::string(data_bytes, '\0'));
}

ImportOptions with_experts(std::uint32_t experts) {
  ImportOptions options;
  options.experts = experts;
  return options;
}

ImportOptions with_dense_layers(std::uint32_t layers) {
  ImportOptions options;
  options.dense_layers = layers;
  return options;
}

std::vector<Malformed> npy_cases() {
  return {
      {"NpyEmpty", parse_npy, "", {"x: is no npy array", "\\x93NUMPY"}},
      {"NpyOtherMagic", parse_npy, "\x93NUMPX\1\0{}", {"is no npy array"}},
      {"NpyVersion4", parse_npy, npy_with_header("{}", "", 4), {"npy version 4.0", "1.0, 2.0 or 3.0"}},
      {"NpyHeaderBeyondFile",
       parse_npy,
       good_npy().substr(0, 40),
       {"gives its npy header 118 bytes, but 30 follow"}},
      {"NpyHeaderLengthCut", parse_npy, good_npy().substr(0, 9), {"ends within the npy header's length"}},
      {"NpyNoBrace", parse_npy, npy_header("'descr': 1"), {"offset 0 of the npy header", "expected '{'"}},
      {"NpyOpenQuote", parse_npy, npy_header("{'descr"), {"offset 1", "a quote that closes"}},
      {"NpyUnknownField",
       parse_npy,
       npy_header("{'dtype': '|u1'}"),
       {"fields descr, fortran_order and shape once"}},
      {"NpyFieldTwice", parse_npy, npy_header("{'descr': '|u1', 'descr': '|u1'}"), {"once, and no other"}},
      {"NpyFieldMissing",
       parse_npy,
       npy_header("{'descr': '|u1', 'shape': (1, 1, 1)}"),
       {"expected the fields descr"}},
      {"NpyTextAfterHeader",
       parse_npy,
       npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2)} x"),
       {"nothing after the closing brace"}},
      {"NpyFortran",
       parse_npy,
       npy_header("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2, 2)}"),
       {"is in Fortran order, expected C order", "ascontiguousarray"}},
      {"NpyBigEndian",
       parse_npy,
       npy_header("{'descr': '>u2', 'fortran_order': False, 'shape': (2, 2, 1)}"),
       {"big-endian dtype '>u2'", "'<u2'"}},
      {"NpyObjects",
       parse_npy,
       npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (2, 2, 2)}"),
       {"has dtype '|O', expected one of u1"}},
      {"NpyStructured",
       parse_npy,
       npy_header("{'descr': [('a', '<u1')], 'fortran_order': False, 'shape': (1,)}"),
       {"structured array"}},
      {"NpyNegativeDimension",
       parse_npy,
       npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 2, 2)}"),
       {"expected a dimension of 0"}},
      {"NpyHugeShape",
       parse_npy,
       npy_header("{'descr': '<u8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 2)}"),
       {"x: shape", "does not fit 64 bits"}},
      {"NpyTwoDimensions",
       parse_npy,
       npy<std::uint8_t>("|u1", {2, 2}, {0, 1, 2, 3}),
       {"has 2 dimensions, expected 3"}},
      {"NpyFloats", parse_npy, npy<float>("<f4", {1, 1, 1}, {0}), {"has dtype f4, expected integers"}},
      {"NpyTruncated", parse_npy, good_npy().substr(0, 130), {"need 8 bytes of data, but 2 follow"}},
      {"NpyTrailing", parse_npy, good_npy() + "x", {"need 8 bytes of data, but 9 follow"}},
      {"NpyNoTokens", parse_npy, npy<std::uint8_t>("|u1", {0, 2, 2}, {}), {"has 0 tokens, expected 1 to"}},
      {"NpyTooManyLayers",
       parse_npy,
       npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2000, 1)}", 2000),
       {"has 2000 layers, expected 1 to 1024"}},
      {"NpyPadding",
       parse_npy,
       npy<std::int32_t>("<i4", {2, 2, 1}, {0, 1, 2, -1}),
       {"token 1, layer 1: expert id -1 is negative", "expected 0 to 4095"}},
      {"NpyIdTooLarge",
       parse_npy,
       npy<std::uint64_t>("<u8", {1, 1, 2}, {0, 1ULL << 40}),
       {"token 0, layer 0: expert id 1099511627776 is too large"}},
      {"NpyRepeatedId",
       parse_npy,
       npy<std::uint8_t>("|u1", {1, 2, 2}, {0, 1, 5, 5}),
       {"x: token 0, layer 1", "expert id 5 stands twice"}},
      {"NpyFewerExpertsThanIds",
       parse_npy,
       good_npy(),
       {"expert id 7 occurs", "gives 6 experts"},
       with_experts(6)},
      {"NpyNoExperts",
       parse_npy,
       good_npy(),
       {"gives 0 experts per layer, expected 1 to 4096"},
       with_experts(0)},
      {"NpyAllDense",
       parse_npy,
       good_npy(),
       {"has 2 layers, of which 2 are said to be dense"},
       with_dense_layers(2)},
  };
}

std::vector<Malformed> npz_cases() {
  const std::string ids = good_npy();
  std::string damaged = zip_of({{"experts.npy", ids}}, false);
  damaged[damaged.find("NUMPY") + 125] ^= 1;
  std::string bomb = zip_of({{"experts.npy", ids}});
  const std::size_t directory = bomb.find("PK\1\2");
  for (std::size_t i = 0; i < 4; ++i) {
    bomb[directory + 24 + i] = static_cast<char>(i == 3 ? 0x70 : 0);
    bomb[22 + i] = bomb[directory + 24 + i];
  }
  return {
      {"NpzNoZip",
       parse_npz,
       "PK\3\4 and nothing more",
       {"x: cannot be read as an npz archive", "zip file of .npy"}},
      {"NpzTruncated",
       parse_npz,
       zip_of({{"experts.npy", ids}}).substr(0, 100),
       {"cannot be read as an npz archive"}},
      {"NpzNoArray",
       parse_npz,
       zip_of({{"README", "text"}}),
       {"has 0 arrays", "'experts' or 'routed_experts'"}},
      {"NpzTwoOthers", parse_npz, zip_of({{"a.npy", ids}, {"b.npy", ids}}), {"has 2 arrays, none of them"}},
      {"NpzDamaged", parse_npz, damaged, {"array 'experts': is damaged in the archive (CRC error)"}},
      {"NpzBomb", parse_npz, bomb, {"array 'experts': claims 1879048192 bytes in"}},
      {"NpzNotAnArray",
       parse_npz,
       zip_of({{"experts.npy", "text"}}),
       {"x: array 'experts': is no npy array"}},
      {"NpzLengths",
       parse_npz,
       zip_of({{"experts.npy", ids}, {"sequence_lengths.npy", npy<std::int64_t>("<i8", {1}, {3})}}),
       {"array 'sequence_lengths': sums up to 3 tokens, expected the 2 tokens"}},
      {"NpzNegativeLength",
       parse_npz,
       zip_of({{"experts.npy", ids}, {"sequence_lengths.npy", npy<std::int64_t>("<i8", {2}, {3, -1})}}),
       {"array 'sequence_lengths': item 1 is -1, expected 0 or more"}},
      {"NpzEmptySequence",
       parse_npz,
       zip_of({{"experts.npy", ids}, {"sequence_lengths.npy", npy<std::int64_t>("<i8", {2}, {2, 0})}}),
       {"sequence 1: number of tokens is 0"}},
      {"NpzPrefillCount",
       parse_npz,
       zip_of({{"experts.npy", ids}, {"prefill_lengths.npy", npy<std::uint32_t>("<u4", {0}, {})}}),
       {"array 'prefill_lengths': has 0 items, expected one for each of the 1 sequences"}},
      {"NpzPrefillTooLong",
       parse_npz,
       zip_of({{"experts.npy", ids}, {"prefill_lengths.npy", npy<std::uint32_t>("<u4", {1}, {9})}}),
       {"number of prefill tokens is 9"}},
      {"NpzWeightsShape",
       parse_npz,
       zip_of({{"experts.npy", ids}, {"weights.npy", npy<float>("<f4", {1, 2, 2}, {0, 0, 0, 0})}}),
       {"array 'weights': has 4 items in another shape than the 8 expert ids"}},
      {"NpzWeightsDtype",
       parse_npz,
       zip_of({{"experts.npy", ids}, {"weights.npy", npy<double>("<f8", {2, 2, 2}, std::vector<double>(8))}}),
       {"array 'weights': has dtype f8, expected f2 or f4"}},
      {"NpzWeightsNan",
       parse_npz,
       zip_of({{"experts.npy", ids},
               {"weights.npy", npy<std::uint16_t>("<f2", {2, 2, 2}, {0, 0, 0, 0x7C00, 0, 0, 0, 0})}}),
       {"array 'weights': token 0, layer 1: weight inf is not finite"}},
      {"NpzExpertsTwo",
       parse_npz,
       zip_of({{"experts.npy", ids}, {"num_experts.npy", npy<std::uint32_t>("<u4", {2}, {8, 8})}}),
       {"array 'num_experts': has 2 items, expected at most 1"}},
      {"NpzExpertsTooFew",
       parse_npz,
       zip_of({{"experts.npy", ids}, {"num_experts.npy", npy<std::uint32_t>("<u4", {}, {4})}}),
       {"expert id 7 occurs, but the header gives 4"}},
      {"NpzProvenance",
       parse_npz,
       zip_of({{"experts.npy", ids}, {"provenance.npy", npy<std::uint8_t>("|u1", {2}, {'{', 'x'})}}),
       {"array 'provenance': byte 2 is no JSON"}},
  };
}

std::vector<Malformed> csv_cases() {
  const std::string header = "step,layer,token,expert\n";
  return {
      {"CsvEmpty", parse_csv, "", {"x: ends before the header line", "step,layer,token,expert[,weight]"}},
      {"CsvOtherHeader", parse_csv, "step,token,layer,expert\n", {"x: line 1: is 'step,token,layer,expert'"}},
      {"CsvNoRows", parse_csv, header, {"has no rows after the header"}},
      {"CsvThreeFields", parse_csv, header + "0,0,0\n", {"x: line 2: has 3 fields, expected 4"}},
      {"CsvFiveFields", parse_csv, header + "0,0,0,1,0.5\n", {"line 2: has 5 fields, expected 4"}},
      {"CsvText",
       parse_csv,
       header + "0,0,0,1\n0,zero,0,2\n",
       {"line 3: layer is 'zero', expected an integer of 0 to 1023"}},
      {"CsvNegative",
       parse_csv,
       header + "0,0,0,-1\n",
       {"line 2: expert is '-1', expected an integer of 0 to 4095"}},
      {"CsvSpace", parse_csv, header + "0,0,0, 1\n", {"line 2: expert is ' 1'"}},
      {"CsvOverflow",
       parse_csv,
       header + "99999999999999999999,0,0,1\n",
       {"line 2: step is '99999999999999999999'"}},
      {"CsvTokenBeyondFile",
       parse_csv,
       header + "0,0,16000000,1\n",
       {"line 2: token is '16000000', expected an integer of"}},
      {"CsvWeightText",
       parse_csv,
       "step,layer,token,expert,weight\n0,0,0,1,nan\n",
       {"line 2: weight is 'nan', expected a finite"}},
      {"CsvMissingToken", parse_csv, header + "0,0,1,1\n", {"token 0 has no rows, though token 1 has"}},
      {"CsvMissingLayer",
       parse_csv,
       header + "0,0,0,1\n0,1,0,1\n1,0,0,1\n",
       {"step 1, token 0, layer 1 has 0 rows, expected 1 each as the first one has"}},
      {"CsvMissingRow",
       parse_csv,
       header + "0,0,0,1\n0,0,0,2\n1,0,0,1\n",
       {"step 1, token 0, layer 0 has 1 rows, expected 2"}},
      {"CsvRowTooMany",
       parse_csv,
       header + "0,0,0,1\n1,0,0,1\n1,0,0,2\n",
       {"line 4: is one row too many for step 1, token 0, layer 0"}},
      {"CsvExpertTwice", parse_csv, header + "0,0,0,1\n0,0,0,1\n", {"line 3: gives expert 1 a second time"}},
      {"CsvSparse", parse_csv, header + "0,0,0,1\n0,1000,0,1\n", {"has 2 rows, but 1 tokens in 1001 layers"}},
      {"CsvTopKTooLarge",
       parse_csv,
       [&] {
         std::string text = header;
         for (int i = 0; i < 65; ++i) text += "0,0,0," + std::to_string(i) + "\n";
         return text;
       }(),
       {"has 65 experts per token and layer, expected 1 to 64"}},
      {"CsvBadNote",
       parse_csv,
       "# sequence 1 prefill 2\n" + header,
       {"line 1: is '# sequence 1 prefill 2', expected '# sequence N"}},
      {"CsvNoteBeyond",
       parse_csv,
       "# sequence 1 prefill 0 flags 1\n" + header + "0,0,0,1\n",
       {"describes sequence 1, expected numbers below 1"}},
      {"CsvDeclaredTopK",
       parse_csv,
       "# prophet_trace {\"prophet_trace\":1,\"top_k\":2}\n" + header + "0,0,0,1\n",
       {"the header says top_k = 2, but the data has 1"}},
      {"CsvLongLine",
       parse_csv,
       header + std::string(limits::text_line_bytes_max + 1, '0'),
       {"line 2: is longer than 1048576 bytes"}},
  };
}

std::vector<Malformed> jsonl_cases() {
  return {
      {"JsonlEmpty", parse_jsonl, "\n\n", {"x: holds no tokens"}},
      {"JsonlNoJson", parse_jsonl, "step,layer\n", {"x: line 1: byte 1 is no JSON"}},
      {"JsonlCut", parse_jsonl, "{\"experts\":[[1]]}\n{\"experts\":[[1]", {"line 2: byte"}},
      {"JsonlTwoObjects", parse_jsonl, "{\"experts\":[[1]]} {}\n", {"line 1: byte 19 is no JSON"}},
      {"JsonlArray", parse_jsonl, "[[1]]\n", {"line 1: is an array, expected an object"}},
      {"JsonlNumber", parse_jsonl, "7\n", {"line 1: is 7, expected an object"}},
      {"JsonlVersion", parse_jsonl, "{\"prophet_trace\":2}\n", {"field 'prophet_trace' is 2, expected 1"}},
      {"JsonlLateHeader",
       parse_jsonl,
       "{\"experts\":[[1]]}\n{\"prophet_trace\":1}\n",
       {"line 2: has the field 'prophet_trace'"}},
      {"JsonlNoExperts",
       parse_jsonl,
       "{\"sequence\":0}\n",
       {"line 1: has neither 'experts' nor 'routed_experts'"}},
      {"JsonlBoth",
       parse_jsonl,
       "{\"experts\":[[1]],\"routed_experts\":[[[1]]]}\n",
       {"has both 'experts' and 'routed_experts'"}},
      {"JsonlMixed",
       parse_jsonl,
       "{\"experts\":[[1]]}\n{\"routed_experts\":[[[1]]]}\n",
       {"line 2: mixes tokens"}},
      {"JsonlPadding",
       parse_jsonl,
       "{\"experts\":[[1,-1]]}\n",
       {"field 'experts' has expert id -1, as padding has it"}},
      {"JsonlLargeId", parse_jsonl, "{\"experts\":[[4096]]}\n", {"has expert id 4096, expected 0 to 4095"}},
      {"JsonlFraction",
       parse_jsonl,
       "{\"experts\":[[1.5]]}\n",
       {"field 'experts' is 1.5, expected [[expert ids"}},
      {"JsonlFlat", parse_jsonl, "{\"experts\":[1,2]}\n", {"nested 1 deep, expected [[expert ids"}},
      {"JsonlDeep", parse_jsonl, "{\"experts\":[[[1]]]}\n", {"nested deeper than 2"}},
      {"JsonlRagged",
       parse_jsonl,
       "{\"experts\":[[1,2],[3]]}\n",
       {"has 2 experts in one place and 1 in another"}},
      {"JsonlNoLayers", parse_jsonl, "{\"experts\":[]}\n", {"has 0 layers, expected 1 to 1024"}},
      {"JsonlShapeChanges",
       parse_jsonl,
       "{\"experts\":[[1]]}\n{\"experts\":[[1],[2]]}\n",
       {"line 2: has experts [2 layers, 1], expected [1 layers, 1]"}},
      {"JsonlTwice", parse_jsonl, "{\"experts\":[[0,1],[3,3]]}\n", {"line 1: layer 1 has expert id 3 twice"}},
      {"JsonlWeightsShape",
       parse_jsonl,
       "{\"experts\":[[0,1]],\"weights\":[[1]]}\n",
       {"has 1 weights in another shape than its 2 expert ids"}},
      {"JsonlWeightsSome",
       parse_jsonl,
       "{\"experts\":[[0]],\"weights\":[[1]]}\n{\"experts\":[[0]]}\n",
       {"line 2: has no field 'weights'"}},
      {"JsonlWeightHuge",
       parse_jsonl,
       "{\"experts\":[[0]],\"weights\":[[1e300]]}\n",
       {"field 'weights' is 1e300"}},
      {"JsonlSequenceGap",
       parse_jsonl,
       "{\"sequence\":5,\"experts\":[[0]]}\n",
       {"field 'sequence' is 5 after 0 tokens"}},
      {"JsonlSequenceMissing",
       parse_jsonl,
       "{\"experts\":[[0]]}\n{\"experts\":[[0]]}\n{\"sequence\":2,\"experts\":[[0]]}\n",
       {"sequence 1 has no tokens, though sequence 2 has"}},
      {"JsonlPositionTwice",
       parse_jsonl,
       "{\"position\":0,\"experts\":[[0]]}\n{\"position\":0,\"experts\":[[1]]}\n",
       {"sequence 0: position 0 where 1 was expected"}},
      {"JsonlLatePrefill",
       parse_jsonl,
       "{\"experts\":[[0]]}\n{\"prefill\":true,\"experts\":[[1]]}\n",
       {"position 1 is prefill after a decoded token"}},
      {"JsonlPrefillType",
       parse_jsonl,
       "{\"prefill\":1,\"experts\":[[0]]}\n",
       {"field 'prefill' is 1, expected true or false"}},
      {"JsonlNegativeSequence",
       parse_jsonl,
       "{\"sequence\":-1,\"experts\":[[0]]}\n",
       {"field 'sequence' is -1, expected an integer of 0 or more"}},
      {"JsonlModelType",
       parse_jsonl,
       "{\"prophet_trace\":1,\"model\":{}}\n",
       {"field 'model' is an object, expected a string"}},
      {"JsonlFieldTwice",
       parse_jsonl,
       "{\"experts\":[[0]],\"experts\":[[0]]}\n",
       {"field 'experts' stands twice"}},
      {"JsonlUnknownTooDeep",
       parse_jsonl,
       "{\"x\":" + std::string(100000, '[') + "\n",
       {"line 1: nests deeper than 64 levels"}},
      {"JsonlDeclaredLayers",
       parse_jsonl,
       "{\"prophet_trace\":1,\"layers\":3}\n{\"experts\":[[0]]}\n",
       {"the header says layers = 3, but the data has 1"}},
      {"JsonlDeclaredExperts",
       parse_jsonl,
       "{\"prophet_trace\":1,\"experts\":3}\n{\"experts\":[[5]]}\n",
       {"expert id 5 occurs, but the header gives 3"}},
  };
}

std::vector<Malformed> all_cases() {
  std::vector<Malformed> all;
  for (auto cases : {npy_cases(), npz_cases(), csv_cases(), jsonl_cases()})
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
