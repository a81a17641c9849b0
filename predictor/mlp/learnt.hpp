#pragma once

#include <span>
#include <vector>

#include "predictor/mlp/descent.hpp"
#include "runtime/base/random.hpp"

namespace prophet {

/// Numbers that are learned, what they will be changed by, and what Adam remembers of them. A view of the
/// numbers, which must outlive it.
class Learnt {
 public:
  explicit Learnt(std::span<float> values)
      : gradient(values.size()), values_(values), mean_(values.size()), square_(values.size()) {}

  void step(descent::AdamStep by) {
    descent::adam(values_.data(), gradient.data(), mean_.data(), square_.data(), values_.size(), by);
  }

  std::vector<float> gradient;

 private:
  std::span<float> values_;
  std::vector<float> mean_;
  std::vector<float> square_;
};

/// Nearly of the normal distribution: the sum of 12 uniform numbers has a variance of 1.
[[nodiscard]] inline float draw_normal(Random& random) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += random.uniform();
  return static_cast<float>(sum);
}

}  // namespace prophet
