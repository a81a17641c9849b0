#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include "tests/cuda_on_cpu/simt/language/math.hpp"

// What NVIDIA's headers of the 16-bit types declare for nvcc alone. The rest (conversions, sums, products and
// comparisons) they bring for a host compiler, too. Loads, stores, shuffles and atomics of these types are
// the templates of the other headers.
namespace prophet::simt {

inline double to_double(__half x) {
  return static_cast<double>(__half2float(x));
}
inline double to_double(__nv_bfloat16 x) {
  return static_cast<double>(__bfloat162float(x));
}

template <class Narrow>
Narrow to_narrow(double x);
template <>
inline __half to_narrow<__half>(double x) {
  return __double2half(x);
}
template <>
inline __nv_bfloat16 to_narrow<__nv_bfloat16>(double x) {
  return __double2bfloat16(x);
}

/// a + b rounded to odd: to round the result once more to fewer digits is to round the sum once.
inline double add_to_odd(double a, double b) {
  const double sum = a + b;
  if (!std::isfinite(sum)) return sum;
  const double b_taken = sum - a;
  const double lost = (a - (sum - b_taken)) + (b - b_taken);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &sum, sizeof bits);
  if (lost == 0 || (bits & 1U) != 0) return sum;
  bits = (lost > 0) == (sum > 0) ? bits + 1 : bits - 1;
  double odd = 0;
  std::memcpy(&odd, &bits, sizeof odd);
  return odd;
}

/// a * b + c, rounded once; the product of two 16-bit values is exact in fp64.
template <class Narrow>
Narrow fused(Narrow a, Narrow b, Narrow c) {
  return to_narrow<Narrow>(add_to_odd(to_double(a) * to_double(b), to_double(c)));
}

template <class Narrow>
Narrow saturated(Narrow x) {
  const double value = to_double(x);
  return to_narrow<Narrow>(value > 0 ? (value < 1 ? value : 1.0) : 0.0);  // NaN becomes 0
}

template <class Narrow>
Narrow rectified(Narrow x) {
  const double value = to_double(x);
  return value < 0 ? to_narrow<Narrow>(0.0) : x;  // NaN stays
}

}  // namespace prophet::simt

#define PROPHET_SIMT_NARROW_PAIR(function, Pair, expression_x, expression_y) \
  inline Pair function(Pair v) {                                             \
    return {expression_x, expression_y};                                     \
  }

// A function of one argument by way of fp64, for a value and for a pair.
#define PROPHET_SIMT_NARROW_ONE(name, Narrow, Pair, expression) \
  inline Narrow h##name(Narrow v) {                             \
    const double x = prophet::simt::to_double(v);               \
    return prophet::simt::to_narrow<Narrow>(expression);        \
  }                                                             \
  PROPHET_SIMT_NARROW_PAIR(h2##name, Pair, h##name(v.x), h##name(v.y))

#define PROPHET_SIMT_NARROW(Narrow, Pair)                            \
  inline Narrow __hfma(Narrow a, Narrow b, Narrow c) {               \
    return prophet::simt::fused(a, b, c);                            \
  }                                                                  \
  inline Narrow __hfma_sat(Narrow a, Narrow b, Narrow c) {           \
    return prophet::simt::saturated(__hfma(a, b, c));                \
  }                                                                  \
  inline Narrow __hfma_relu(Narrow a, Narrow b, Narrow c) {          \
    return prophet::simt::rectified(__hfma(a, b, c));                \
  }                                                                  \
  inline Pair __hfma2(Pair a, Pair b, Pair c) {                      \
    return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};           \
  }                                                                  \
  inline Pair __hfma2_sat(Pair a, Pair b, Pair c) {                  \
    return {__hfma_sat(a.x, b.x, c.x), __hfma_sat(a.y, b.y, c.y)};   \
  }                                                                  \
  inline Pair __hfma2_relu(Pair a, Pair b, Pair c) {                 \
    return {__hfma_relu(a.x, b.x, c.x), __hfma_relu(a.y, b.y, c.y)}; \
  }                                                                  \
  PROPHET_SIMT_NARROW_ONE(exp, Narrow, Pair, std::exp(x))            \
  PROPHET_SIMT_NARROW_ONE(exp2, Narrow, Pair, std::exp2(x))          \
  PROPHET_SIMT_NARROW_ONE(exp10, Narrow, Pair, std::pow(10.0, x))    \
  PROPHET_SIMT_NARROW_ONE(log, Narrow, Pair, std::log(x))            \
  PROPHET_SIMT_NARROW_ONE(log2, Narrow, Pair, std::log2(x))          \
  PROPHET_SIMT_NARROW_ONE(log10, Narrow, Pair, std::log10(x))        \
  PROPHET_SIMT_NARROW_ONE(sin, Narrow, Pair, std::sin(x))            \
  PROPHET_SIMT_NARROW_ONE(cos, Narrow, Pair, std::cos(x))            \
  PROPHET_SIMT_NARROW_ONE(tanh, Narrow, Pair, std::tanh(x))          \
  PROPHET_SIMT_NARROW_ONE(tanh_approx, Narrow, Pair, std::tanh(x))   \
  PROPHET_SIMT_NARROW_ONE(sqrt, Narrow, Pair, std::sqrt(x))          \
  PROPHET_SIMT_NARROW_ONE(rsqrt, Narrow, Pair, 1.0 / std::sqrt(x))   \
  PROPHET_SIMT_NARROW_ONE(rcp, Narrow, Pair, 1.0 / x)                \
  PROPHET_SIMT_NARROW_ONE(floor, Narrow, Pair, std::floor(x))        \
  PROPHET_SIMT_NARROW_ONE(ceil, Narrow, Pair, std::ceil(x))          \
  PROPHET_SIMT_NARROW_ONE(rint, Narrow, Pair, std::nearbyint(x))     \
  PROPHET_SIMT_NARROW_ONE(trunc, Narrow, Pair, std::trunc(x))

PROPHET_SIMT_NARROW(__half, __half2)
PROPHET_SIMT_NARROW(__nv_bfloat16, __nv_bfloat162)
#undef PROPHET_SIMT_NARROW
#undef PROPHET_SIMT_NARROW_ONE
#undef PROPHET_SIMT_NARROW_PAIR

inline int __half2int_rn(__half x) {
  return __float2int_rn(__half2float(x));
}
inline unsigned __half2uint_rn(__half x) {
  return __float2uint_rn(__half2float(x));
}
inline int __bfloat162int_rn(__nv_bfloat16 x) {
  return __float2int_rn(__bfloat162float(x));
}
inline unsigned __bfloat162uint_rn(__nv_bfloat16 x) {
  return __float2uint_rn(__bfloat162float(x));
}
