#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "runtime/base/random.hpp"
#include "runtime/model/safetensors/safetensors_file.hpp"
#include "runtime/model/safetensors/tensor_values.hpp"
#include "tests/model/test_data.hpp"
#include "tests/support/safetensors_writer.hpp"

namespace prophet {
namespace {

using test::refusal_of;
using testing::safetensors_bytes;
using testing::WrittenTensor;

std::filesystem::path golden(const std::string& name) {
  return test::data_folder() / "safetensors/golden" / (name + ".safetensors");
}

/// The view of the tensor of that name; a failed test when there is none.
TensorView view_of(const SafetensorsFile& file, std::string_view name) {
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    if (file.tensors()[i].name == name) return file.view(i);
  }
  ADD_FAILURE() << name << " is missing";
  return {};
}

std::vector<float> values_of(const TensorView& tensor) {
  std::size_t elements = 1;
  for (const auto dimension : tensor.shape) elements *= dimension;
  std::vector<float> values(elements);
  copy_values(tensor, values);
  return values;
}

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const auto value : values)
    bits.push_back(std::isnan(value) ? ~0U : std::bit_cast<std::uint32_t>(value));
  return bits;
}

std::vector<TensorEntry> read(const std::string& bytes) {
  return read_safetensors(std::as_bytes(std::span(bytes)), "f").tensors;
}

TEST(SafetensorsFile, HoldsWhatTheOfficialPackageWrote) {
  const SafetensorsFile file(golden("torch"));
  EXPECT_EQ(file.tensors().size(), 12U);
  const auto scalar = view_of(file, "scalar");
  EXPECT_EQ(scalar.dtype, TensorDtype::i64);
  EXPECT_TRUE(scalar.shape.empty());
  EXPECT_EQ(scalar.bytes.size(), 8U);
  EXPECT_EQ(scalar.bytes[0], std::byte{7});
  const auto empty = view_of(file, "empty");
  EXPECT_THAT(empty.shape, ::testing::ElementsAre(3, 0, 2));
  EXPECT_TRUE(empty.bytes.empty());
  EXPECT_EQ(view_of(file, "flags").dtype, TensorDtype::boolean);
  EXPECT_EQ(view_of(file, "e5m2").dtype, TensorDtype::f8_e5m2);
  EXPECT_THAT(view_of(file, "bf16").shape, ::testing::ElementsAre(1, 2, 3));
  EXPECT_EQ(view_of(file, "na\u00efve \"name\"/\u00e9\U0001F600").bytes[0], std::byte{1});
  EXPECT_EQ(view_of(SafetensorsFile(golden("numpy")), "x").dtype, TensorDtype::f64);
  EXPECT_TRUE(SafetensorsFile(golden("nothing")).tensors().empty());
}

TEST(SafetensorsFile, ValuesAreThoseThatTorchMakesOfThem) {
  const SafetensorsFile file(golden("torch"));
  for (const std::string name : {"f16", "bf16", "fp8"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(bits_of(values_of(view_of(file, name))), bits_of(values_of(view_of(file, name + " as f32"))));
  }
  const std::vector<float> f32{1.5F, -2.25F, 3e38F, INFINITY, 1e-45F, -0.0F};
  EXPECT_EQ(bits_of(values_of(view_of(file, "f32"))), bits_of(f32));
}

TEST(SafetensorsFile, EveryHalfIsExact) {
  WrittenTensor all{"halves", TensorDtype::f16, {1U << 16}, std::vector<std::byte>(2U << 16)};
  for (std::size_t bits = 0; bits < 1U << 16; ++bits) {
    all.data[2 * bits] = static_cast<std::byte>(bits & 0xffU);
    all.data[2 * bits + 1] = static_cast<std::byte>(bits >> 8U);
  }
  std::vector<float> values(1U << 16);
  copy_values({all.name, all.dtype, all.shape, all.data}, values);
  for (std::uint32_t bits = 0; bits < 1U << 16; ++bits) {
    const int exponent = static_cast<int>((bits >> 10) & 31U);
    const auto fraction = static_cast<float>(bits & 1023U);
    float expected = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (exponent == 31) expected = fraction == 0 ? INFINITY : NAN;
    if (bits >= 0x8000U) expected = -expected;
    ASSERT_EQ(std::isnan(values[bits]), std::isnan(expected)) << bits;
    if (!std::isnan(expected)) {
      ASSERT_EQ(values[bits], expected) << bits;
    }
    ASSERT_EQ(std::signbit(values[bits]), bits >= 0x8000U) << bits;
  }
}

TEST(SafetensorsFile, OfOtherDtypesTheValuesAreRefused) {
  const SafetensorsFile file(golden("torch"));
  std::vector<float> values(3);
  EXPECT_EQ(refusal_of([&] {
              copy_values(view_of(file, "e5m2"), values);
              return 0;
            }),
            "tensor \"e5m2\" has the dtype F8_E5M2; expected BF16, F16, F32 or F8_E4M3");
  EXPECT_EQ(refusal_of([&] {
              copy_values(view_of(file, "bf16"), values);
              return 0;
            }),
            "tensor \"bf16\" of 6 values was asked for 3; expected as many");
  EXPECT_TRUE(converts_exactly_to_bf16(TensorDtype::f8_e4m3));
  EXPECT_FALSE(converts_exactly_to_bf16(TensorDtype::f16));
}

TEST(SafetensorsFile, ViewsOutliveAMoveOfTheirOwner) {
  SafetensorsFile file(golden("torch"));
  const auto before = view_of(file, "bf16");
  const SafetensorsFile moved = std::move(file);
  EXPECT_EQ(view_of(moved, "bf16").bytes.data(), before.bytes.data());
  EXPECT_EQ(values_of(before), values_of(view_of(moved, "bf16")));
  EXPECT_EQ(before.name, "bf16");
}

TEST(SafetensorsFile, OddButValidHeadersAreRead) {
  const std::string entry = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  const auto count = [](const std::string& header) { return read(safetensors_bytes(header, "abcd")).size(); };
  EXPECT_EQ(count(std::string(" \t\r\n{") + entry + "} \t\r\n"), 1U);
  EXPECT_EQ(count(std::string("{\"__metadata__\":null,") + entry + "}"), 1U);
  EXPECT_EQ(count(std::string("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"},") + entry + "}"), 1U);
  EXPECT_EQ(count(R"({"\u0061":{"dtyp\u0065":"U\u0038","sh\u0061pe":[4],"data_offsets":[0,4]}})"), 1U);
  EXPECT_EQ(
      count(R"({"a":{"x":[[{"y":null}],-1.5e3],"dtype":"U8","shape":[4],"z":"","data_offsets":[0,4]}})"), 1U);
  EXPECT_EQ(count("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4],\"x\":" +
                  std::string(125, '[') + std::string(125, ']') + "}}"),
            1U);
  EXPECT_EQ(count(R"({"":{"dtype":"F4","shape":[2,4],"data_offsets":[0,4]}})"), 1U);
  EXPECT_EQ(count(R"({"\u0000":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]},)"
                  R"("b":{"dtype":"U8","shape":[],"data_offsets":[3,4]}})"),
            2U);
  const auto zero = R"("z":{"dtype":"F32","shape":[0,18446744073709551615,18446744073709551615],)"
                    R"("data_offsets":[4,4]},"y":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)";
  const auto tensors = read(safetensors_bytes(std::string("{") + std::string(zero) + entry + "}", "abcd"));
  ASSERT_EQ(tensors.size(), 3U);
  EXPECT_EQ(tensors[0].name + tensors[1].name + tensors[2].name, "yaz") << "by their place in the file";
  EXPECT_TRUE(read(safetensors_bytes("{}")).empty());
}

TEST(SafetensorsFile, WhatIsNoReadableFileIsRefused) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "prophet-safetensors";
  std::filesystem::create_directories(folder);
  const auto said = [](const std::filesystem::path& path) {
    return refusal_of([&] { return SafetensorsFile(path); });
  };
  EXPECT_EQ(said(folder / "x"),
            std::string("'") + (folder / "x").string() +
                "': cannot be opened: No such file or directory; expected a readable file");
  EXPECT_EQ(said(folder), std::string("'") + folder.string() + "': is no regular file; expected one");
  EXPECT_THAT(said("/dev/null"), ::testing::HasSubstr("is no regular file"));
  testing::write_bytes(folder / "empty", "");
  EXPECT_THAT(said(folder / "empty"), ::testing::HasSubstr("holds 0 bytes"));
  std::filesystem::remove_all(folder);
}

std::vector<WrittenTensor> random_tensors(Random& random) {
  std::vector<WrittenTensor> tensors(random.below(12));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    auto& tensor = tensors[i];
    tensor.name =
        std::string("t") + std::to_string(i) + std::string(random.below(9), "./\"\\\x7f\n "[random.below(7)]);
    tensor.dtype = static_cast<TensorDtype>(random.below(22));
    std::uint64_t elements = 8;  // whole bytes for each dtype
    tensor.shape.assign(1, elements);
    for (auto rank = random.below(4); rank > 0; --rank) {
      tensor.shape.push_back(random.below(4));
      elements *= tensor.shape.back();
    }
    tensor.data.resize(elements * tensor_dtype_bits(tensor.dtype) / 8);
    for (auto& byte : tensor.data) byte = static_cast<std::byte>(random.below(256));
  }
  return tensors;
}

void expect_read_back(const std::vector<WrittenTensor>& tensors, Random& random) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  const auto file = safetensors_bytes(tensors, order, random.below(9));
  const auto bytes = std::as_bytes(std::span(file));
  const auto layout = read_safetensors(bytes, "f");
  ASSERT_EQ(layout.tensors.size(), tensors.size());
  for (const auto& tensor : tensors) {
    const auto found = std::find_if(layout.tensors.begin(), layout.tensors.end(),
                                    [&](const TensorEntry& entry) { return entry.name == tensor.name; });
    ASSERT_NE(found, layout.tensors.end()) << tensor.name;
    EXPECT_EQ(found->dtype, tensor.dtype);
    EXPECT_EQ(found->shape, tensor.shape);
    const auto data = bytes.subspan(layout.data_begin + found->begin, found->end - found->begin);
    EXPECT_TRUE(std::equal(data.begin(), data.end(), tensor.data.begin(), tensor.data.end()));
  }
}

TEST(SafetensorsFile, WhatIsWrittenIsReadBack) {
  const auto seed = test::fresh_seed();
  SCOPED_TRACE(std::string("PROPHET_SEED=") + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 2000; ++round) expect_read_back(random_tensors(random), random);
}

}  // namespace
}  // namespace prophet
