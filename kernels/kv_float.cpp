#include "kernels/kv_float.hpp"

#include <cstring>

#include "kernels/expert_formats.hpp"
#include "kernels/expert_quantise.hpp"

namespace prophet::kernels {
namespace {

template <class Bits>
Bits load_bits(const void* values, std::size_t index) {
  Bits bits;
  std::memcpy(&bits, static_cast<const std::byte*>(values) + index * sizeof(Bits), sizeof(Bits));
  return bits;
}

template <class Bits>
void store_bits(void* values, std::size_t index, Bits bits) {
  std::memcpy(static_cast<std::byte*>(values) + index * sizeof(Bits), &bits, sizeof(Bits));
}

}  // namespace

float load_as_float(const void* values, std::size_t index, FloatFormat format) noexcept {
  if (format == FloatFormat::fp32) return load_bits<float>(values, index);
  const auto bits = load_bits<std::uint16_t>(values, index);
  return format == FloatFormat::fp16 ? decode_fp16(bits) : decode_bf16(bits);
}

void store_as(void* values, std::size_t index, FloatFormat format, float value) noexcept {
  if (format == FloatFormat::fp32) {
    store_bits(values, index, value);
  } else {
    store_bits(values, index, format == FloatFormat::fp16 ? encode_fp16(value) : encode_bf16(value));
  }
}

}  // namespace prophet::kernels
