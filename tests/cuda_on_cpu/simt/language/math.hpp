#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

// Mathematics. What a GPU approximates (__expf and the like) is exact here to the last bit but one; results
// that must agree with a device bit for bit may not depend on it.

// The C library declares these names for itself.
#define __expf prophet_simt_expf
#define __exp10f prophet_simt_exp10f
#define __logf prophet_simt_logf
#define __log2f prophet_simt_log2f
#define __log10f prophet_simt_log10f
#define __sinf prophet_simt_sinf
#define __cosf prophet_simt_cosf
#define __tanf prophet_simt_tanf
#define __powf prophet_simt_powf
#define __sincosf prophet_simt_sincosf

inline float __expf(float x) {
  return std::exp(x);
}
inline float __exp10f(float x) {
  return std::pow(10.0F, x);
}
inline float __logf(float x) {
  return std::log(x);
}
inline float __log2f(float x) {
  return std::log2(x);
}
inline float __log10f(float x) {
  return std::log10(x);
}
inline float __sinf(float x) {
  return std::sin(x);
}
inline float __cosf(float x) {
  return std::cos(x);
}
inline float __tanf(float x) {
  return std::tan(x);
}
inline float __powf(float x, float y) {
  return std::pow(x, y);
}
inline void __sincosf(float x, float* sine, float* cosine) {
  *sine = std::sin(x);
  *cosine = std::cos(x);
}
inline float __tanhf(float x) {
  return std::tanh(x);
}

inline float __fdividef(float x, float y) {
  return x / y;
}
inline float __saturatef(float x) {
  return x > 0.0F ? (x < 1.0F ? x : 1.0F) : 0.0F;
}  // NaN becomes 0, as in CUDA
inline float rsqrtf(float x) {
  return 1.0F / std::sqrt(x);
}
inline double rsqrt(double x) {
  return 1.0 / std::sqrt(x);
}
inline float normcdff(float x) {
  return 0.5F * std::erfc(-x * 0.70710678F);
}

// Rounded to nearest, never fused.
inline float __fadd_rn(float x, float y) {
  return x + y;
}
inline float __fsub_rn(float x, float y) {
  return x - y;
}
inline float __fmul_rn(float x, float y) {
  return x * y;
}
inline float __fdiv_rn(float x, float y) {
  return x / y;
}
inline float __frcp_rn(float x) {
  return 1.0F / x;
}
inline float __fsqrt_rn(float x) {
  return std::sqrt(x);
}
inline float __frsqrt_rn(float x) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(x)));
}
inline float __fmaf_rn(float x, float y, float z) {
  return std::fma(x, y, z);
}
inline double __dadd_rn(double x, double y) {
  return x + y;
}
inline double __dsub_rn(double x, double y) {
  return x - y;
}
inline double __dmul_rn(double x, double y) {
  return x * y;
}
inline double __ddiv_rn(double x, double y) {
  return x / y;
}
inline double __dsqrt_rn(double x) {
  return std::sqrt(x);
}
inline double __fma_rn(double x, double y, double z) {
  return std::fma(x, y, z);
}

namespace prophet::simt {

/// A float as an integer; what does not fit becomes the nearest that does, and NaN becomes 0.
template <class Integer, class Real>
Integer to_integer(Real rounded) {
  if (std::isnan(rounded)) return 0;
  const Real low = static_cast<Real>(std::numeric_limits<Integer>::min());
  const Real high = static_cast<Real>(std::numeric_limits<Integer>::max());
  if (rounded <= low) return std::numeric_limits<Integer>::min();
  if (rounded >= high) return std::numeric_limits<Integer>::max();
  return static_cast<Integer>(rounded);
}

}  // namespace prophet::simt

inline int __float2int_rn(float x) {
  return prophet::simt::to_integer<int>(std::nearbyint(x));
}
inline int __float2int_rz(float x) {
  return prophet::simt::to_integer<int>(std::trunc(x));
}
inline int __float2int_rd(float x) {
  return prophet::simt::to_integer<int>(std::floor(x));
}
inline int __float2int_ru(float x) {
  return prophet::simt::to_integer<int>(std::ceil(x));
}
inline unsigned __float2uint_rn(float x) {
  return prophet::simt::to_integer<unsigned>(std::nearbyint(x));
}
inline unsigned __float2uint_rz(float x) {
  return prophet::simt::to_integer<unsigned>(std::trunc(x));
}
inline float __int2float_rn(int x) {
  return static_cast<float>(x);
}
inline float __uint2float_rn(unsigned x) {
  return static_cast<float>(x);
}
inline float __double2float_rn(double x) {
  return static_cast<float>(x);
}

// CUDA's are overloads for all pairs of arithmetic types; mixed ones are left out, as they hide conversions.
template <class T>
constexpr T min(T a, std::type_identity_t<T> b) {
  return b < a ? b : a;
}
template <class T>
constexpr T max(T a, std::type_identity_t<T> b) {
  return a < b ? b : a;
}
