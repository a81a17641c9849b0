#include "kernels/float_rows.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>

// A loop stands once, as a function that is always inlined, and is compiled for any CPU and for one with AVX2
// and FMA, or AVX2 alone where a fused multiply-add would change bits.
#if defined(__x86_64__)
#define PROPHET_WITH_FMA __attribute__((target("avx2,fma")))
#define PROPHET_WITH_AVX2 __attribute__((target("avx2")))
#else
#define PROPHET_WITH_FMA
#define PROPHET_WITH_AVX2
#endif
#define PROPHET_INLINE __attribute__((always_inline)) inline

namespace prophet::kernels {
namespace {

bool has_eights() {
#if defined(__x86_64__)
  static const bool has = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  return has;
#else
  return false;
#endif
}

PROPHET_INLINE float as_float(std::uint32_t bits) {
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

PROPHET_INLINE std::uint32_t as_bits(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

/// The exponent's range is moved by a product, which is exact and makes subnormal numbers normal.
PROPHET_INLINE float from_fp16(std::uint32_t bits) {
  const std::uint32_t special = (bits & 0x7C00U) == 0x7C00U ? 0x7F800000U : 0U;
  const float magnitude = as_float((bits & 0x7FFFU) << 13U) * 0x1p112F;
  return as_float(as_bits(magnitude) | special | (bits & 0x8000U) << 16U);
}

PROPHET_INLINE void load_loop(const std::byte* from, FloatFormat format, std::size_t count, float* output) {
  std::uint16_t bits = 0;
  if (format == FloatFormat::fp16) {
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(&bits, from + 2 * i, sizeof bits);
      output[i] = from_fp16(bits);
    }
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(&bits, from + 2 * i, sizeof bits);
      output[i] = as_float(std::uint32_t{bits} << 16U);
    }
  }
}
void load_anywhere(const std::byte* from, FloatFormat format, std::size_t count, float* output) {
  load_loop(from, format, count, output);
}
PROPHET_WITH_AVX2 void load_by_eights(const std::byte* from, FloatFormat format, std::size_t count,
                                      float* output) {
  load_loop(from, format, count, output);
}

PROPHET_INLINE void add_loop(float* sum, const float* values, float scale, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) sum[i] = __builtin_fmaf(scale, values[i], sum[i]);
}
void add_anywhere(float* sum, const float* values, float scale, std::size_t count) {
  add_loop(sum, values, scale, count);
}
PROPHET_WITH_FMA void add_by_eights(float* sum, const float* values, float scale, std::size_t count) {
  add_loop(sum, values, scale, count);
}

PROPHET_INLINE void turn_loop(float* __restrict__ low, float* __restrict__ high, const float* cosines,
                              const float* sines, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float x = low[i];
    const float y = high[i];
    low[i] = __builtin_fmaf(x, cosines[i], -(y * sines[i]));
    high[i] = __builtin_fmaf(y, cosines[i], x * sines[i]);
  }
}
void turn_anywhere(float* low, float* high, const float* cosines, const float* sines, std::size_t count) {
  turn_loop(low, high, cosines, sines, count);
}
PROPHET_WITH_FMA void turn_by_eights(float* low, float* high, const float* cosines, const float* sines,
                                     std::size_t count) {
  turn_loop(low, high, cosines, sines, count);
}

constexpr std::size_t dot_parts = 8;

PROPHET_INLINE double dot_loop(const double* a, const float* b, std::size_t count) {
  double parts[dot_parts] = {};
  for (std::size_t i = 0; i < count; i += dot_parts) {
    for (std::size_t l = 0; l < dot_parts; ++l) parts[l] += a[i + l] * static_cast<double>(b[i + l]);
  }
  for (std::size_t step = dot_parts / 2; step != 0; step /= 2) {
    for (std::size_t l = 0; l < step; ++l) parts[l] += parts[l + step];
  }
  return parts[0];
}
double dot_anywhere(const double* a, const float* b, std::size_t count) {
  return dot_loop(a, b, count);
}
PROPHET_WITH_AVX2 double dot_by_eights(const double* a, const float* b, std::size_t count) {
  return dot_loop(a, b, count);
}

PROPHET_INLINE void weigh_loop(double* sum, double rescale, const float* values, double weight,
                               std::size_t count) {
  if (rescale == 1) {  // nearly always: a product with 1 changes no bit
    for (std::size_t i = 0; i < count; ++i) sum[i] += weight * static_cast<double>(values[i]);
    return;
  }
  for (std::size_t i = 0; i < count; ++i) sum[i] = sum[i] * rescale + weight * static_cast<double>(values[i]);
}
void weigh_anywhere(double* sum, double rescale, const float* values, double weight, std::size_t count) {
  weigh_loop(sum, rescale, values, weight, count);
}
PROPHET_WITH_AVX2 void weigh_by_eights(double* sum, double rescale, const float* values, double weight,
                                       std::size_t count) {
  weigh_loop(sum, rescale, values, weight, count);
}

}  // namespace

void load_row(const void* values, std::size_t first, FloatFormat format, std::size_t count,
              float* output) noexcept {
  const std::byte* const from = static_cast<const std::byte*>(values) + first * format_bytes(format);
  if (format == FloatFormat::fp32) {
    std::memcpy(output, from, count * sizeof(float));
  } else if (has_eights()) {
    load_by_eights(from, format, count, output);
  } else {
    load_anywhere(from, format, count, output);
  }
}

void add_scaled(float* sum, const float* values, float scale, std::size_t count) noexcept {
  return has_eights() ? add_by_eights(sum, values, scale, count) : add_anywhere(sum, values, scale, count);
}

void turn_pairs(float* low, float* high, const float* cosines, const float* sines,
                std::size_t count) noexcept {
  return has_eights() ? turn_by_eights(low, high, cosines, sines, count)
                      : turn_anywhere(low, high, cosines, sines, count);
}

double dot_in_fp64(const double* a, const float* b, std::size_t count) noexcept {
  return has_eights() ? dot_by_eights(a, b, count) : dot_anywhere(a, b, count);
}

void add_weighted(double* sum, double rescale, const float* values, double weight,
                  std::size_t count) noexcept {
  return has_eights() ? weigh_by_eights(sum, rescale, values, weight, count)
                      : weigh_anywhere(sum, rescale, values, weight, count);
}

}  // namespace prophet::kernels
