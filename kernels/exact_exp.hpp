#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

// Code that nvcc compiles for both sides, and a host compiler for its own.
#ifdef __CUDACC__
#define PROPHET_HOST_DEVICE __host__ __device__
#else
#define PROPHET_HOST_DEVICE
#endif

namespace prophet::kernels {

/// Below it exact_exp gives 0; above it no intermediate is subnormal.
inline constexpr float exact_exp_min = -86.0F;

/// e^x for x <= 0, within 2 units in the last place, and with the same bits on every host and device: each
/// operation is one that IEEE 754 rounds. Libraries differ in the last bit of theirs, which would let the
/// choice among nearly equal experts differ. Range reduction by ln 2 in two parts and the series to the
/// seventh power.
PROPHET_HOST_DEVICE inline float exact_exp(float x) {
  if (x < exact_exp_min) return 0;
  const float power = rintf(x * 1.44269504F);
  const float rest = fmaf(power, -3.19461849e-5F, fmaf(power, -0x1.62ep-1F, x));
  float series = 1.0F / 5040;
  series = fmaf(series, rest, 1.0F / 720);
  series = fmaf(series, rest, 1.0F / 120);
  series = fmaf(series, rest, 1.0F / 24);
  series = fmaf(series, rest, 1.0F / 6);
  series = fmaf(series, rest, 0.5F);
  series = fmaf(series, rest, 1.0F);
  series = fmaf(series, rest, 1.0F);
  const auto bits = static_cast<std::uint32_t>(static_cast<std::int32_t>(power) + 127) << 23;
  float scale = 0;
  memcpy(&scale, &bits, sizeof scale);
  return series * scale;
}

}  // namespace prophet::kernels
