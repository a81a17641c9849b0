#pragma once

#include <cstddef>

/// The loops over rows of numbers that training consists of. Each number depends on its own place alone, so
/// that the bits are the same however many a CPU handles at once.
namespace prophet::descent {

/// sum[i] += scale * values[i], both rounded.
void add(float* sum, const float* values, float scale, std::size_t count) noexcept;

/// One step of Adam (Kingma and Ba 2015), with a decay of 0.9 for the mean. The gradient is used up: it
/// becomes 0.
struct AdamStep {
  float mean_rate = 0;     ///< the learning rate over what the mean's first steps lack
  float square_scale = 0;  ///< 1 over what those of the squares lack
  float shrink = 0;        ///< the share that a weight loses beside (Loshchilov and Hutter 2019)
  float square_kept = 0.999F;
};
void adam(float* weights, float* gradient, float* mean, float* square, std::size_t count,
          AdamStep step) noexcept;

/// The sum of a[i] * b[i] in 8 parts, added pairwise. `count` may be any.
[[nodiscard]] float dot(const float* a, const float* b, std::size_t count) noexcept;

}  // namespace prophet::descent
