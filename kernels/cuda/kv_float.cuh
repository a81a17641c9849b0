#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kv_float.hpp"

/// Numbers as kernels read and write them: eight at a time, with 16-byte accesses.
namespace prophet::kernels::cuda {

inline constexpr int packed_values = 8;

/// format_bytes() for kernels.
template <FloatFormat format>
inline constexpr unsigned value_bytes = format == FloatFormat::fp32 ? 4 : 2;

/// The two numbers of a 32-bit word, the lower half first.
template <FloatFormat format>
__device__ __forceinline__ float2 unpack_pair(unsigned word) {
  static_assert(format != FloatFormat::fp32);
  if constexpr (format == FloatFormat::bf16) {
    return make_float2(__uint_as_float(word << 16), __uint_as_float(word & 0xFFFF0000U));
  } else {
    const __half_raw low{static_cast<unsigned short>(word & 0xFFFFU)};
    const __half_raw high{static_cast<unsigned short>(word >> 16)};
    return make_float2(__half2float(__half(low)), __half2float(__half(high)));
  }
}

template <FloatFormat format>
__device__ __forceinline__ void unpack(const uint4& packed, float (&values)[packed_values]) {
  const unsigned words[4] = {packed.x, packed.y, packed.z, packed.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 pair = unpack_pair<format>(words[i]);
    values[2 * i] = pair.x;
    values[2 * i + 1] = pair.y;
  }
}

template <FloatFormat format>
__device__ __forceinline__ unsigned short to_16_bit(float value) {
  static_assert(format != FloatFormat::fp32);
  if constexpr (format == FloatFormat::bf16) {
    return static_cast<__nv_bfloat16_raw>(__float2bfloat16_rn(value)).x;
  } else {
    return static_cast<__half_raw>(__float2half_rn(value)).x;
  }
}

template <FloatFormat format>
__device__ __forceinline__ uint4 pack(const float (&values)[packed_values]) {
  unsigned words[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    words[i] = to_16_bit<format>(values[2 * i]) | unsigned{to_16_bit<format>(values[2 * i + 1])} << 16;
  }
  return make_uint4(words[0], words[1], words[2], words[3]);
}

/// Eight numbers from index * 8 on, in 16-byte loads.
template <FloatFormat format>
__device__ __forceinline__ void load_packed(const void* values, std::size_t index,
                                            float (&loaded)[packed_values]) {
  if constexpr (format == FloatFormat::fp32) {
    const float4 low = static_cast<const float4*>(values)[2 * index];
    const float4 high = static_cast<const float4*>(values)[2 * index + 1];
    loaded[0] = low.x, loaded[1] = low.y, loaded[2] = low.z, loaded[3] = low.w;
    loaded[4] = high.x, loaded[5] = high.y, loaded[6] = high.z, loaded[7] = high.w;
  } else {
    unpack<format>(static_cast<const uint4*>(values)[index], loaded);
  }
}

/// Four numbers from index * 4 on, in one load.
template <FloatFormat format>
__device__ __forceinline__ float4 load_quad(const void* values, std::size_t index) {
  if constexpr (format == FloatFormat::fp32) {
    return static_cast<const float4*>(values)[index];
  } else {
    const uint2 words = static_cast<const uint2*>(values)[index];
    const float2 low = unpack_pair<format>(words.x);
    const float2 high = unpack_pair<format>(words.y);
    return make_float4(low.x, low.y, high.x, high.y);
  }
}

/// The way back of load_packed, rounded to nearest.
template <FloatFormat format>
__device__ __forceinline__ void store_packed(void* values, std::size_t index,
                                             const float (&stored)[packed_values]) {
  if constexpr (format == FloatFormat::fp32) {
    static_cast<float4*>(values)[2 * index] = make_float4(stored[0], stored[1], stored[2], stored[3]);
    static_cast<float4*>(values)[2 * index + 1] = make_float4(stored[4], stored[5], stored[6], stored[7]);
  } else {
    static_cast<uint4*>(values)[index] = pack<format>(stored);
  }
}

/// One number; the format is known only when it runs.
__device__ __forceinline__ float load_one(const void* values, std::size_t index, FloatFormat format) {
  if (format == FloatFormat::fp32) return static_cast<const float*>(values)[index];
  const unsigned bits = static_cast<const unsigned short*>(values)[index];
  if (format == FloatFormat::bf16) return unpack_pair<FloatFormat::bf16>(bits).x;
  return unpack_pair<FloatFormat::fp16>(bits).x;
}

__device__ __forceinline__ void store_one(void* values, std::size_t index, FloatFormat format, float value) {
  if (format == FloatFormat::fp32) {
    static_cast<float*>(values)[index] = value;
  } else {
    static_cast<unsigned short*>(values)[index] = format == FloatFormat::bf16
                                                      ? to_16_bit<FloatFormat::bf16>(value)
                                                      : to_16_bit<FloatFormat::fp16>(value);
  }
}

}  // namespace prophet::kernels::cuda
