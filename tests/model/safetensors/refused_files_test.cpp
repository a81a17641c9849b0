#include <gtest/gtest.h>

#include <ostream>
#include <span>
#include <string>

#include "runtime/model/safetensors/safetensors_file.hpp"
#include "tests/model/test_data.hpp"
#include "tests/support/safetensors_writer.hpp"

namespace prophet {
namespace {

using testing::safetensors_bytes;

/// One way to break a file, and the sentence that must say so.
struct BrokenFile {
  std::string name;
  std::string bytes;
  std::string says;  ///< behind "'f': "
};

void PrintTo(const BrokenFile& file, std::ostream* stream) {
  *stream << file.name;
}

std::string field(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return std::string("{\"dtype\":") + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return std::string("\"") + name + "\":" + field(std::string("\"") + dtype + "\"", shape, offsets);
}

/// A file of the one tensor "a" that is written as `value`.
std::string file_of(const std::string& value, const std::string& data = "abcd") {
  return safetensors_bytes(std::string("{\"a\":") + value + "}", data);
}

std::string file_of_shape(const std::string& shape, const std::string& offsets, const std::string& data,
                          const std::string& dtype = "F32") {
  return file_of(field(std::string("\"") + dtype + "\"", shape, offsets), data);
}

/// A good tensor "a" of 4 bytes, then `rest`.
std::string file_with(const std::string& rest, const std::string& data = "abcd") {
  return safetensors_bytes(std::string("{") + tensor("a", "F32", "[1]", "[0,4]") + rest + "}", data);
}

/// The bytes of a length, then `rest`.
std::string announced(std::uint64_t header_bytes, const std::string& rest) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>((header_bytes >> (8 * i)) & 0xffU);
  return bytes + rest;
}

std::vector<BrokenFile> lengths() {
  return {
      {"EmptyFile", "", "holds 0 bytes; expected the 8 bytes of a header's length first"},
      {"FileShorterThanALength", std::string(7, '\0'),
       "holds 7 bytes; expected the 8 bytes of a header's length first"},
      {"HeaderOfNoBytes", announced(0, ""), "header is not valid JSON at byte 0; expected a JSON object"},
      {"HeaderCutOff", announced(3, "{}"),
       "announces a header of 3 bytes, and 2 follow; expected a whole header"},
      {"HeaderBeyondTheFormat", announced(100'000'001, "{}"),
       "announces a header of 100000001 bytes; expected at most 100000000"},
      {"HeaderOfAllBits", announced(~0ULL, "{}"),
       "announces a header of 18446744073709551615 bytes; expected at most 100000000"},
      {"DataCutOff", file_of_shape("[1]", "[0,4]", "abc"),
       "3 bytes follow the header; expected the 4 bytes of its tensors"},
      {"BytesBehindTheData", file_of_shape("[1]", "[0,4]", "abcde"),
       "5 bytes follow the header; expected the 4 bytes of its tensors"},
      {"DataWithoutTensors", safetensors_bytes("{}", "a"),
       "1 bytes follow the header; expected the 0 bytes of its tensors"},
  };
}

std::vector<BrokenFile> texts() {
  const std::string deep(126, '[');
  return {
      {"NoJson", safetensors_bytes("hello"), "header is not valid JSON at byte 0; expected a JSON object"},
      {"NotAnObject", safetensors_bytes("[]"), "header is an array; expected an object of tensors"},
      {"Null", safetensors_bytes("null"), "header is null; expected an object of tensors"},
      {"BareNumber", safetensors_bytes("7"),
       "header is another kind of number; expected an object of tensors"},
      {"UnclosedObject", safetensors_bytes("{"),
       "header is not valid JSON at byte 1; expected a JSON object"},
      {"TrailingComma", file_with(","), "header is not valid JSON at byte 54; expected a JSON object"},
      {"SecondObject", safetensors_bytes("{}{}"),
       "header is not valid JSON at byte 2; expected a JSON object"},
      {"Comment", safetensors_bytes("{}/**/"), "header is not valid JSON at byte 2; expected a JSON object"},
      {"ByteOrderMark", safetensors_bytes("\xef\xbb\xbf{}"),
       "header begins with a byte order mark; expected JSON text"},
      {"PaddingOfZeros", safetensors_bytes(std::string("{}\0\0", 4)),
       "header holds a zero byte at byte 2; expected JSON text"},
      {"NameOfBrokenUtf8", safetensors_bytes("{\"\xff\":1}"),
       "header is not valid JSON at byte 2; expected a JSON object"},
      {"NameOfHalfAPair", safetensors_bytes("{\"\\ud800\":1}"),
       "header is not valid JSON at byte 8; expected a JSON object"},
      {"NameWithAControlCharacter", safetensors_bytes("{\"\n\":1}"),
       "header is not valid JSON at byte 2; expected a JSON object"},
      {"NumberBeyondADouble", file_of("{\"x\":1e999}"),
       "header holds a number beyond a double; expected JSON"},
      {"NestedTooDeep", file_of(std::string("{\"x\":") + deep + "}"),
       "header is nested deeper than 127 levels; expected a flat object"},
      {"NameTooLong", safetensors_bytes(std::string("{\"") + std::string((8 << 20) + 1, 'n') + "\":1}"),
       "header holds a text longer than 8388608 bytes; expected names"},
  };
}

std::vector<BrokenFile> fields() {
  return {
      {"TensorThatIsNull", file_of("null"),
       "tensor \"a\" is null; expected an object with dtype, shape and data_offsets"},
      {"TensorThatIsAList", file_of("[\"F32\",[1],[0,4]]"),
       "tensor \"a\" is an array; expected an object with dtype, shape and data_offsets"},
      {"NoDtype", file_of("{\"shape\":[1],\"data_offsets\":[0,4]}"),
       "tensor \"a\" has no field dtype; expected one"},
      {"NoShape", file_of("{\"dtype\":\"F32\",\"data_offsets\":[0,4]}"),
       "tensor \"a\" has no field shape; expected one"},
      {"NoOffsets", file_of("{\"dtype\":\"F32\",\"shape\":[1]}"),
       "tensor \"a\" has no field data_offsets; expected one"},
      {"DtypeTwice", file_of("{\"dtype\":\"F32\",\"dtype\":\"F32\"}"),
       "tensor \"a\" has the field dtype twice; expected it once"},
      {"ShapeTwice", file_of("{\"shape\":[1],\"shape\":[1]}"),
       "tensor \"a\" has the field shape twice; expected it once"},
      {"UnknownDtype", file_of(field("\"F31\"", "[1]", "[0,4]")),
       "tensor \"a\" has the dtype \"F31\"; expected one of the format's, such as BF16"},
      {"DtypeInLowerCase", file_of(field("\"f32\"", "[1]", "[0,4]")),
       "tensor \"a\" has the dtype \"f32\"; expected one of the format's, such as BF16"},
      {"DtypeAsNumber", file_of(field("32", "[1]", "[0,4]")),
       "tensor \"a\" has another kind of number as dtype; expected a text such as \"BF16\""},
      {"DtypeAsObject", file_of(field("{\"F32\":null}", "[1]", "[0,4]")),
       "tensor \"a\" has an object as dtype; expected a text such as \"BF16\""},
      {"ShapeAsNumber", file_of(field("\"F32\"", "1", "[0,4]")),
       "tensor \"a\" has another kind of number as shape; expected an array of whole numbers"},
      {"NegativeDimension", file_of(field("\"F32\"", "[-1]", "[0,4]")),
       "tensor \"a\" has another kind of number in its shape; expected whole numbers below 2^64"},
      {"FractionalDimension", file_of(field("\"F32\"", "[1.0]", "[0,4]")),
       "tensor \"a\" has another kind of number in its shape; expected whole numbers below 2^64"},
      {"DimensionBeyond64Bits", file_of(field("\"F32\"", "[18446744073709551616]", "[0,4]")),
       "tensor \"a\" has another kind of number in its shape; expected whole numbers below 2^64"},
      {"DimensionAsText", file_of(field("\"F32\"", "[\"1\"]", "[0,4]")),
       "tensor \"a\" has a text in its shape; expected whole numbers below 2^64"},
      {"NestedShape", file_of(field("\"F32\"", "[[1]]", "[0,4]")),
       "tensor \"a\" has an array in its shape; expected whole numbers below 2^64"},
      {"OneOffset", file_of(field("\"F32\"", "[1]", "[4]")), "tensor \"a\" has 1 data_offsets; expected 2"},
      {"ThreeOffsets", file_of(field("\"F32\"", "[1]", "[0,4,4]")),
       "tensor \"a\" has more than 2 data_offsets; expected 2"},
      {"OffsetsAsObject", file_of(field("\"F32\"", "[1]", "{}")),
       "tensor \"a\" has an object as data_offsets; expected an array of two whole numbers"},
      {"OffsetOfMinusZero", file_of(field("\"F32\"", "[1]", "[-0,4]")),
       "tensor \"a\" has another kind of number in its data_offsets; expected two whole numbers below 2^64"},
  };
}

std::vector<BrokenFile> metadata() {
  return {
      {"MetadataTwice", safetensors_bytes("{\"__metadata__\":{},\"__metadata__\":{}}"),
       "header holds __metadata__ twice; expected it once"},
      {"MetadataAsList", safetensors_bytes("{\"__metadata__\":[]}"),
       "header has an array as __metadata__; expected an object of texts"},
      {"MetadataAsText", safetensors_bytes("{\"__metadata__\":\"pt\"}"),
       "header has a text as __metadata__; expected an object of texts"},
      {"MetadataOfNumbers", safetensors_bytes("{\"__metadata__\":{\"step\":1}}"),
       "header has another kind of number in __metadata__; expected texts only"},
      {"MetadataOfObjects", safetensors_bytes("{\"__metadata__\":{\"x\":{}}}"),
       "header has an object in __metadata__; expected texts only"},
      {"MetadataOfNull", safetensors_bytes("{\"__metadata__\":{\"x\":null}}"),
       "header has null in __metadata__; expected texts only"},
  };
}

std::vector<BrokenFile> layouts() {
  const auto u8 = [](const std::string& name, const std::string& offsets) {
    return std::string(",") + tensor(name, "U8", "[4]", offsets);
  };
  return {
      {"SameNameTwice", file_with(std::string(",") + tensor("a", "F32", "[1]", "[0,4]")),
       "header names the tensor \"a\" twice; expected names that differ"},
      {"SameNameTwiceByAnEscape",
       file_with(std::string(",") + tensor("\\u0061", "F32", "[1]", "[4,8]"), "abcdefgh"),
       "header names the tensor \"a\" twice; expected names that differ"},
      {"GapAtTheBeginning", file_of_shape("[1]", "[4,8]", "abcdefgh"),
       "tensor \"a\" has the bytes from 4 to 8; expected them to begin at 0, where the tensors before it "
       "end"},
      {"GapBetween", file_with(u8("b", "[5,9]"), "abcdefghi"),
       "tensor \"b\" has the bytes from 5 to 9; expected them to begin at 4, where the tensors before it "
       "end"},
      {"Overlap", file_with(u8("b", "[3,7]"), "abcdefg"),
       "tensor \"b\" has the bytes from 3 to 7; expected them to begin at 4, where the tensors before it "
       "end"},
      {"SameBytesTwice", file_with(u8("b", "[0,4]"), "abcd"),
       "tensor \"b\" has the bytes from 0 to 4; expected them to begin at 4, where the tensors before it "
       "end"},
      {"EndBeforeBegin", file_of_shape("[0]", "[4,0]", "abcd"),
       "tensor \"a\" has the bytes from 4 to 0; expected them to begin at 0, where the tensors before it "
       "end"},
      {"EndBeforeBeginInPlace", file_with(u8("b", "[4,2]"), "abcd"),
       "tensor \"b\" has the bytes from 4 to 2; expected them to begin at 4, where the tensors before it "
       "end"},
      {"MoreBytesThanTheShape", file_of_shape("[1]", "[0,8]", "abcdefgh"),
       "tensor \"a\" has 8 bytes; expected 4 by its shape and dtype"},
      {"FewerBytesThanTheShape", file_of_shape("[2]", "[0,4]", "abcd"),
       "tensor \"a\" has 4 bytes; expected 8 by its shape and dtype"},
      {"BytesForADimensionOfZero", file_of_shape("[2,0]", "[0,8]", "abcdefgh"),
       "tensor \"a\" has 8 bytes; expected 0 by its shape and dtype"},
      {"EndBeyondTheFile", file_of_shape("[288230376151711743]", "[0,1152921504606846972]", "abcd"),
       "4 bytes follow the header; expected the 1152921504606846972 bytes of its tensors"},
      {"ShapeBeyond64Bits", file_of_shape("[4294967296,4294967296]", "[0,0]", ""),
       "tensor \"a\" size: 4294967296 * 4294967296 does not fit 64 bits"},
      {"ShapeBeyond64BitsAndThenZero", file_of_shape("[18446744073709551615,2,0]", "[0,0]", ""),
       "tensor \"a\" size: 18446744073709551615 * 2 does not fit 64 bits"},
      {"BitsBeyond64Bits", file_of_shape("[4611686018427387904]", "[0,0]", "", "U8"),
       "tensor \"a\" size: 4611686018427387904 * 8 does not fit 64 bits"},
      {"HalfAByte", file_of_shape("[3]", "[0,2]", "ab", "F4"),
       "tensor \"a\" of 3 elements of F4 ends within a byte; expected whole bytes"},
      {"TooManyDimensions",
       file_of_shape(
           "[1" +
               [] {
                 std::string ones;
                 for (int i = 0; i < 64; ++i) ones += ",1";
                 return ones;
               }() +
               "]",
           "[0,4]", "abcd"),
       "tensor \"a\" has more than 64 dimensions; expected fewer"},
  };
}

class RefusedFiles : public ::testing::TestWithParam<BrokenFile> {};

TEST_P(RefusedFiles, SayWhatIsWrongInOneSentence) {
  const auto& bytes = GetParam().bytes;
  const auto read = [&] {
    try {
      return read_safetensors(std::as_bytes(std::span(bytes)), "f");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      throw;
    }
  };
  EXPECT_EQ(test::refusal_of(read), std::string("'f': ") + GetParam().says);
}

std::string name_of(const ::testing::TestParamInfo<BrokenFile>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Length, RefusedFiles, ::testing::ValuesIn(lengths()), name_of);
INSTANTIATE_TEST_SUITE_P(Text, RefusedFiles, ::testing::ValuesIn(texts()), name_of);
INSTANTIATE_TEST_SUITE_P(Field, RefusedFiles, ::testing::ValuesIn(fields()), name_of);
INSTANTIATE_TEST_SUITE_P(Metadata, RefusedFiles, ::testing::ValuesIn(metadata()), name_of);
INSTANTIATE_TEST_SUITE_P(Layout, RefusedFiles, ::testing::ValuesIn(layouts()), name_of);

}  // namespace
}  // namespace prophet
