#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "kernels/expert_layout.hpp"

/// Decoders of ExpertFormat for kernels. A lane reads a row in chunks of 16 bytes and turns four values of a
/// chunk into fp32 at a time. What decode() gives times `unit` is the code, exactly: narrow floats are put
/// into the bits of a wider one, whose exponent is then off by a constant, and `unit` joins the scale.
/// (Products of such values are those of the codes but for the unit as long as none is below fp32's smallest
/// normal number.)
namespace prophet::kernels::cuda {

enum class ScaleOf : std::uint8_t { nothing, row, columns };

__device__ inline std::uint32_t word_of(const uint4& chunk, unsigned index) {
  return index == 0 ? chunk.x : index == 1 ? chunk.y : index == 2 ? chunk.z : chunk.w;
}

__device__ inline float float_of_bits(std::uint32_t bits) {
  return __uint_as_float(bits);
}

/// The two halves of a word as fp16.
__device__ inline float2 floats_of_halves(std::uint32_t bits) {
  __half2_raw raw;
  raw.x = static_cast<unsigned short>(bits & 0xFFFFU);
  raw.y = static_cast<unsigned short>(bits >> 16U);
  return __half22float2(__half2(raw));
}

__device__ inline float scale_fp32(const std::byte* scale) {
  return *reinterpret_cast<const float*>(scale);
}

/// What formats without scales in their rows share.
struct NoScales {
  static constexpr ScaleOf scale_of = ScaleOf::nothing;
  static constexpr unsigned scale_rows = 1;
  static constexpr unsigned scale_bytes = 0;
  static constexpr float unit = 1.0F;
  static constexpr bool has_nan_codes = false;
  __device__ static bool has_nan(const uint4&) { return false; }
  __device__ static bool is_nan(const uint4&, unsigned) { return false; }
  __device__ static float scale(const std::byte*, unsigned) { return 1.0F; }
};

/// Chunks at their natural place, on 16 bytes.
struct WideLoads {
  __device__ static uint4 load(const std::byte* row, unsigned chunk, unsigned) {
    return reinterpret_cast<const uint4*>(row)[chunk];
  }
};

struct Fp32Code : NoScales, WideLoads {
  static constexpr unsigned values = 4;
  __device__ static void decode(const uint4& chunk, unsigned, float (&to)[4]) {
    for (unsigned i = 0; i < 4; ++i) to[i] = float_of_bits(word_of(chunk, i));
  }
};

/// fp32 whose rows begin on any 4 bytes and have any length; columns beyond it are 0.
struct LooseFp32Code : Fp32Code {
  __device__ static uint4 load(const std::byte* row, unsigned chunk, unsigned columns) {
    const auto* values = reinterpret_cast<const std::uint32_t*>(row);
    const unsigned first = chunk * 4;
    return make_uint4(values[first], first + 1 < columns ? values[first + 1] : 0,
                      first + 2 < columns ? values[first + 2] : 0,
                      first + 3 < columns ? values[first + 3] : 0);
  }
};

struct Bf16Code : NoScales, WideLoads {
  static constexpr unsigned values = 8;
  __device__ static void decode(const uint4& chunk, unsigned quad, float (&to)[4]) {
    for (unsigned i = 0; i < 2; ++i) {
      const std::uint32_t pair = word_of(chunk, 2 * quad + i);
      to[2 * i] = float_of_bits(pair << 16U);
      to[2 * i + 1] = float_of_bits(pair & 0xFFFF0000U);
    }
  }
};

struct Fp16Code : NoScales, WideLoads {
  static constexpr unsigned values = 8;
  __device__ static void decode(const uint4& chunk, unsigned quad, float (&to)[4]) {
    for (unsigned i = 0; i < 2; ++i) {
      const float2 pair = floats_of_halves(word_of(chunk, 2 * quad + i));
      to[2 * i] = pair.x;
      to[2 * i + 1] = pair.y;
    }
  }
};

/// e4m3's exponent and mantissa fit those of fp16, whose bias is larger by 8. The two NaN codes would become
/// 480: has_nan() finds them, and the kernel makes their row's sum NaN, which it is.
template <ScaleOf Of>
struct E4m3Code : WideLoads {
  static constexpr unsigned values = 16;
  static constexpr ScaleOf scale_of = Of;
  static constexpr unsigned scale_rows = Of == ScaleOf::row ? 1 : 128;
  static constexpr unsigned scale_bytes = 4;
  static constexpr float unit = 256.0F;
  static constexpr bool has_nan_codes = true;
  __device__ static float scale(const std::byte* scales, unsigned column) {
    return scale_fp32(scales + column / 128 * sizeof(float));
  }
  __device__ static std::uint32_t two(std::uint32_t high_bytes) {
    return (high_bytes & 0x80008000U) | ((high_bytes & 0x7F007F00U) >> 1U);
  }
  __device__ static void decode(const uint4& chunk, unsigned quad, float (&to)[4]) {
    const std::uint32_t four = word_of(chunk, quad);
    const float2 even = floats_of_halves(two(four << 8U));
    const float2 odd = floats_of_halves(two(four));
    to[0] = even.x;
    to[1] = odd.x;
    to[2] = even.y;
    to[3] = odd.y;
  }
  __device__ static std::uint32_t carries(std::uint32_t four) { return (four & 0x7F7F7F7FU) + 0x01010101U; }
  __device__ static bool has_nan(const uint4& chunk) {
    const std::uint32_t any = carries(chunk.x) | carries(chunk.y) | carries(chunk.z) | carries(chunk.w);
    return (any & 0x80808080U) != 0;
  }
  __device__ static bool is_nan(const uint4& chunk, unsigned index) {
    return (word_of(chunk, index / 4) >> (index % 4 * 8) & 0x7FU) == 0x7FU;
  }
};

/// 2^23 + n for a byte n has n in its lowest bits.
struct Int8Code : NoScales, WideLoads {
  static constexpr unsigned values = 16;
  static constexpr ScaleOf scale_of = ScaleOf::row;
  static constexpr unsigned scale_bytes = 4;
  __device__ static void decode(const uint4& chunk, unsigned quad, float (&to)[4]) {
    const std::uint32_t four = word_of(chunk, quad) ^ 0x80808080U;
    for (unsigned i = 0; i < 4; ++i)
      to[i] = float_of_bits(((four >> (8 * i)) & 0xFFU) | 0x4B000000U) - (8388608.0F + 128.0F);
  }
};

/// 2^(23 - 4i) + n has n in bits 4i to 4i + 3: codes need not be shifted to the lowest bits.
template <unsigned Group>
struct Int4Code : NoScales, WideLoads {
  static constexpr unsigned values = 32;
  static constexpr ScaleOf scale_of = ScaleOf::columns;
  static constexpr unsigned scale_bytes = 2;
  __device__ static float scale(const std::byte* scales, unsigned column) {
    return __half2float(reinterpret_cast<const __half*>(scales)[column / Group]);
  }
  __device__ static void decode(const uint4& chunk, unsigned quad, float (&to)[4]) {
    const std::uint32_t four = word_of(chunk, quad / 2) >> (quad % 2 * 16);
    for (unsigned i = 0; i < 4; ++i) {
      const std::uint32_t power = (150U - 4 * i) << 23U;
      to[i] = float_of_bits((four & (15U << (4 * i))) | power) - (float_of_bits(power) + 8.0F);
    }
  }
};

/// e2m1's exponent and mantissa fit those of fp16, whose bias is larger by 14. Codes i and i + 4 of a word
/// lie 16 bits apart and are decoded together.
struct Mxfp4Code : NoScales, WideLoads {
  static constexpr unsigned values = 32;
  static constexpr ScaleOf scale_of = ScaleOf::columns;
  static constexpr unsigned scale_bytes = 1;
  static constexpr float unit = 16384.0F;
  __device__ static float scale(const std::byte* scales, unsigned column) {
    const auto exponent = static_cast<std::uint32_t>(scales[column / 32]);
    const std::uint32_t bits = exponent == 0 ? 0x00400000U : exponent << 23U;
    return float_of_bits(exponent == 255 ? 0x7FC00000U : bits);
  }
  __device__ static void decode(const uint4& chunk, unsigned quad, float (&to)[4]) {
    const std::uint32_t eight = word_of(chunk, quad / 2);
    for (unsigned i = 0; i < 4; ++i) {
      const std::uint32_t high = eight << (12 - 4 * i);
      const float2 two = floats_of_halves((high & 0x80008000U) | ((high & 0x70007000U) >> 3U));
      to[i] = quad % 2 == 0 ? two.x : two.y;
    }
  }
};

/// Calls `use` with the decoder of a format; its result, or `unknown` for a format that there is not.
template <class Result, class Use>
Result with_code(ExpertFormat format, Result unknown, Use use) {
  switch (format) {
    case ExpertFormat::fp32:
      return use(Fp32Code{});
    case ExpertFormat::bf16:
      return use(Bf16Code{});
    case ExpertFormat::fp16:
      return use(Fp16Code{});
    case ExpertFormat::fp8_rows:
      return use(E4m3Code<ScaleOf::row>{});
    case ExpertFormat::fp8_blocks:
      return use(E4m3Code<ScaleOf::columns>{});
    case ExpertFormat::int8:
      return use(Int8Code{});
    case ExpertFormat::int4_32:
      return use(Int4Code<32>{});
    case ExpertFormat::int4_128:
      return use(Int4Code<128>{});
    case ExpertFormat::mxfp4:
      return use(Mxfp4Code{});
  }
  return unknown;
}

}  // namespace prophet::kernels::cuda
