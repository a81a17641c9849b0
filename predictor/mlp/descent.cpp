#include "predictor/mlp/descent.hpp"

#include <cmath>

// A loop stands once, as a function that is always inlined, and is compiled for any CPU and for one with
// AVX2, without fused multiply-adds, which would change bits.
#if defined(__x86_64__)
#define PROPHET_WITH_AVX2 __attribute__((target("avx2")))
#else
#define PROPHET_WITH_AVX2
#endif
#define PROPHET_INLINE __attribute__((always_inline)) inline

namespace prophet::descent {
namespace {

constexpr float mean_kept = 0.9F;
constexpr float smallest_root = 1e-8F;
/// Added and taken away again, it makes 0 of what is so small that a CPU would be slow about it.
constexpr float flush = 1e-30F;
constexpr std::size_t dot_parts = 8;

bool has_eights() {
#if defined(__x86_64__)
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
#else
  return false;
#endif
}

PROPHET_INLINE void add_loop(float* __restrict__ sum, const float* __restrict__ values, float scale,
                             std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) sum[i] += scale * values[i];
}
void add_anywhere(float* sum, const float* values, float scale, std::size_t count) {
  add_loop(sum, values, scale, count);
}
PROPHET_WITH_AVX2 void add_by_eights(float* sum, const float* values, float scale, std::size_t count) {
  add_loop(sum, values, scale, count);
}

PROPHET_INLINE void adam_loop(float* __restrict__ weights, float* __restrict__ gradient,
                              float* __restrict__ mean, float* __restrict__ square, std::size_t count,
                              AdamStep step) {
  for (std::size_t i = 0; i < count; ++i) {
    mean[i] = mean_kept * mean[i] + (1 - mean_kept) * gradient[i] + flush - flush;
    square[i] =
        step.square_kept * square[i] + (1 - step.square_kept) * gradient[i] * gradient[i] + flush - flush;
    weights[i] -= step.mean_rate * mean[i] / (std::sqrt(square[i] * step.square_scale) + smallest_root) +
                  step.shrink * weights[i];
    gradient[i] = 0;
  }
}
void adam_anywhere(float* weights, float* gradient, float* mean, float* square, std::size_t count,
                   AdamStep step) {
  adam_loop(weights, gradient, mean, square, count, step);
}
PROPHET_WITH_AVX2 void adam_by_eights(float* weights, float* gradient, float* mean, float* square,
                                      std::size_t count, AdamStep step) {
  adam_loop(weights, gradient, mean, square, count, step);
}

PROPHET_INLINE float dot_loop(const float* a, const float* b, std::size_t count) {
  float parts[dot_parts] = {};
  std::size_t i = 0;
  for (; i + dot_parts <= count; i += dot_parts) {
    for (std::size_t l = 0; l < dot_parts; ++l) parts[l] += a[i + l] * b[i + l];
  }
  for (std::size_t l = 0; i + l < count; ++l) parts[l] += a[i + l] * b[i + l];
  for (std::size_t step = dot_parts / 2; step != 0; step /= 2) {
    for (std::size_t l = 0; l < step; ++l) parts[l] += parts[l + step];
  }
  return parts[0];
}
float dot_anywhere(const float* a, const float* b, std::size_t count) {
  return dot_loop(a, b, count);
}
PROPHET_WITH_AVX2 float dot_by_eights(const float* a, const float* b, std::size_t count) {
  return dot_loop(a, b, count);
}

}  // namespace

void add(float* sum, const float* values, float scale, std::size_t count) noexcept {
  return has_eights() ? add_by_eights(sum, values, scale, count) : add_anywhere(sum, values, scale, count);
}

void adam(float* weights, float* gradient, float* mean, float* square, std::size_t count,
          AdamStep step) noexcept {
  return has_eights() ? adam_by_eights(weights, gradient, mean, square, count, step)
                      : adam_anywhere(weights, gradient, mean, square, count, step);
}

float dot(const float* a, const float* b, std::size_t count) noexcept {
  return has_eights() ? dot_by_eights(a, b, count) : dot_anywhere(a, b, count);
}

}  // namespace prophet::descent
