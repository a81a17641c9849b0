#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "predictor/mlp/mlp_model.hpp"

namespace prophet {

/// What one net learns from: of each sample the rows of w1 that its input names, and the experts that came.
struct NetSamples {
  std::vector<std::uint16_t> rows;    ///< of all samples, one behind the other
  std::vector<std::size_t> first{0};  ///< [samples + 1] where a sample's rows begin
  std::vector<std::uint16_t> came;    ///< [samples, top_k]

  [[nodiscard]] std::size_t size() const noexcept { return first.size() - 1; }
  [[nodiscard]] std::span<const std::uint16_t> rows_of(std::size_t sample) const noexcept {
    return std::span(rows).subspan(first[sample], first[sample + 1] - first[sample]);
  }
};

struct NetOptions {
  std::uint32_t epochs = 10;
  float learning_rate = 0.004F;  ///< Adam's at first; it falls to 0 by half a cosine
  double dropout = 0.1;          ///< share of the input's ids that are left out while it learns
  float weight_decay = 0.1F;     ///< of w1 and w2, a step, times the learning rate
  std::uint64_t seed = 1;
};

/// A net as it learns: fp32, and w2 by units.
struct LearntNet {
  std::vector<float> w1;  ///< [inputs, hidden]
  std::vector<float> b1;  ///< [hidden]
  std::vector<float> w2;  ///< [hidden, experts]
  std::vector<float> b2;  ///< [experts]
};

/// Trains one net by minibatches and Adam (Kingma and Ba 2015) on the cross entropy of every expert, and
/// returns it as it was after the epoch with the least cross entropy of `held_out`; without held-out samples,
/// after the last. The same samples and options give the same bits.
[[nodiscard]] LearntNet train_net(const MlpShape& shape, const NetSamples& samples,
                                  const NetSamples& held_out, const NetOptions& options);

/// Mean cross entropy a sample, over all experts; 0 without samples.
[[nodiscard]] double cross_entropy(const MlpShape& shape, const LearntNet& net, const NetSamples& samples);

}  // namespace prophet
