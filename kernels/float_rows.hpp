#pragma once

#include <cstddef>

#include "kernels/kv_float.hpp"

/// Loops over rows of numbers that the references share, written so that they run as fast as the CPU allows
/// and have the same bits on every one.
namespace prophet::kernels {

/// output[i] = values[first + i] of an array in `format`, exactly; a not-a-number stays one.
void load_row(const void* values, std::size_t first, FloatFormat format, std::size_t count,
              float* output) noexcept;

/// sum[i] = sum[i] + scale * values[i], rounded once.
void add_scaled(float* sum, const float* values, float scale, std::size_t count) noexcept;

/// (low[i], high[i]) turned by cosines[i] and sines[i]: see kernels/rotary.hpp. No two overlap.
void turn_pairs(float* low, float* high, const float* cosines, const float* sines,
                std::size_t count) noexcept;

/// The sum of a[i] * b[i] in fp64, in 8 parts that are added pairwise. `count` is a multiple of 8.
[[nodiscard]] double dot_in_fp64(const double* a, const float* b, std::size_t count) noexcept;

/// sum[i] = sum[i] * rescale + weight * values[i] in fp64, each operation rounded.
void add_weighted(double* sum, double rescale, const float* values, double weight,
                  std::size_t count) noexcept;

}  // namespace prophet::kernels
