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

/// The way back; values from `size` on are left out.
template <bool wide>
__device__ void write_quad(float* row, std::uint32_t at, std::uint32_t size, float4 values) {
  if constexpr (wide) {
    *reinterpret_cast<float4*>(row + at) = values;
  } else {
    row[at] = values.x;
    if (size - at > 1) row[at + 1] = values.y;
    if (size - at > 2) row[at + 2] = values.z;
    if (size - at > 3) row[at + 3] = values.w;
  }
}

}  // namespace prophet::kernels::cuda
