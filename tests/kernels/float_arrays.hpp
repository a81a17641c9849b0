#pragma once

#include <cstddef>
#include <vector>

#include "kernels/kv_float.hpp"

namespace prophet::testing {

inline constexpr kernels::FloatFormat float_formats[] = {
    kernels::FloatFormat::fp32, kernels::FloatFormat::fp16, kernels::FloatFormat::bf16};

/// The values as they lie in `format`.
inline std::vector<std::byte> stored(const std::vector<float>& values, kernels::FloatFormat format) {
  std::vector<std::byte> bytes(values.size() * kernels::format_bytes(format));
  for (std::size_t i = 0; i < values.size(); ++i) kernels::store_as(bytes.data(), i, format, values[i]);
  return bytes;
}

/// What stored() has made of them.
inline std::vector<float> rounded(const std::vector<float>& values, kernels::FloatFormat format) {
  const std::vector<std::byte> bytes = stored(values, format);
  std::vector<float> read(values.size());
  for (std::size_t i = 0; i < read.size(); ++i) read[i] = kernels::load_as_float(bytes.data(), i, format);
  return read;
}

}  // namespace prophet::testing
