#include "runtime/trace/numpy_import.hpp"
#include "tests/trace/import/import_samples.hpp"
#include "tests/trace/import/malformed_files.hpp"

namespace prophet::testing {
namespace {

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

}  // namespace

std::vector<Malformed> malformed_npy_files() {
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

std::vector<Malformed> malformed_npz_files() {
  const std::string ids = good_npy();
  std::string damaged = zip_of({{"experts.npy", ids}}, false);
  damaged[damaged.find("NUMPY") + 130] ^= 1;
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

}  // namespace prophet::testing
