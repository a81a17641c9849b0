#include "runtime/model/safetensors/tensor_values.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "prophet/error.hpp"
#include "runtime/model/json_events.hpp"

namespace prophet {
namespace {

float from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

float from_fp16(std::uint16_t bits) {
  constexpr float least_subnormal = 0x1p-24F;
  const std::uint32_t sign = (bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fU;
  const std::uint32_t fraction = bits & 0x3ffU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * least_subnormal;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  const std::uint32_t wide_exponent = exponent == 0x1fU ? 0xffU : exponent + (127 - 15);
  return std::bit_cast<float>(sign | (wide_exponent << 23) | (fraction << 13));
}

constexpr float from_e4m3(std::uint32_t bits) {
  const float sign = (bits & 0x80U) != 0 ? -1.0F : 1.0F;
  const std::uint32_t exponent = (bits >> 3) & 0xfU;
  const std::uint32_t fraction = bits & 7U;
  if (exponent == 0xfU && fraction == 7) return std::numeric_limits<float>::quiet_NaN();
  if (exponent == 0) return sign * static_cast<float>(fraction) * 0x1p-9F;
  return sign * static_cast<float>(8 + fraction) * static_cast<float>(1U << exponent) * 0x1p-10F;
}

constexpr std::array<float, 256> e4m3_values = [] {
  std::array<float, 256> values{};
  for (std::uint32_t bits = 0; bits < values.size(); ++bits) values[bits] = from_e4m3(bits);
  return values;
}();

template <class Stored, class Convert>
void convert(std::span<const std::byte> bytes, std::span<float> values, Convert convert_one) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored{};
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = convert_one(stored);
  }
}

}  // namespace

bool has_readable_values(TensorDtype dtype) noexcept {
  return dtype == TensorDtype::bf16 || dtype == TensorDtype::f16 || dtype == TensorDtype::f32 ||
         dtype == TensorDtype::f8_e4m3;
}

bool converts_exactly_to_bf16(TensorDtype dtype) noexcept {
  return dtype == TensorDtype::bf16 || dtype == TensorDtype::f8_e4m3;
}

void copy_values(const TensorView& tensor, std::span<float> values) {
  if (!has_readable_values(tensor.dtype)) {
    throw Error(ErrorCode::bad_input,
                fmt::format("tensor {} has the dtype {}; expected BF16, F16, F32 or F8_E4M3",
                            quoted_name(tensor.name), tensor_dtype_name(tensor.dtype)));
  }
  const auto elements = tensor.bytes.size() * 8 / tensor_dtype_bits(tensor.dtype);
  if (values.size() != elements) {
    throw Error(ErrorCode::usage, fmt::format("tensor {} of {} values was asked for {}; expected as many",
                                              quoted_name(tensor.name), elements, values.size()));
  }
  if (tensor.dtype == TensorDtype::bf16) convert<std::uint16_t>(tensor.bytes, values, from_bf16);
  if (tensor.dtype == TensorDtype::f16) convert<std::uint16_t>(tensor.bytes, values, from_fp16);
  if (tensor.dtype == TensorDtype::f8_e4m3) {
    convert<std::uint8_t>(tensor.bytes, values, [](std::uint8_t bits) { return e4m3_values[bits]; });
  }
  if (tensor.dtype == TensorDtype::f32 && !values.empty()) {
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  }
}

}  // namespace prophet
