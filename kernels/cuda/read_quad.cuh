#pragma once

#include <vector_types.h>

#include <cstdint>

namespace prophet::kernels::cuda {

/// Values `at` to `at` + 3 of a row in one access, or one by one where the row begins on 4 bytes only; zeros
/// from `size` on. REQUIRES: at < size, and for `wide` all four within the row and on 16 bytes.
template <bool wide>
__device__ float4 read_quad(const float* row, std::uint32_t at, std::uint32_t size) {
  if constexpr (wide) {
    return *reinterpret_cast<const float4*>(row + at);
  } else {
    float4 values = {row[at], 0, 0, 0};
    if (size - at > 1) values.y = row[at + 1];
    if (size - at > 2) values.z = row[at + 2];
    if (size - at > 3) values.w = row[at + 3];
    return values;
  }
}

}  // namespace prophet::kernels::cuda
