#include "predictor/activation_library.hpp"

#include <algorithm>
#include <cmath>

#include "prophet/limits.hpp"

namespace prophet {
namespace {

std::uint32_t room(const TrainingSet& training) {
  const std::uint64_t matrix_bytes = std::uint64_t{training.shape().grid.size()} * sizeof(float);
  const std::uint64_t fitting =
      std::max<std::uint64_t>(limits::activation_library_bytes_max / matrix_bytes, 1);
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>({limits::activation_matrices_max, fitting, training.sequences().size()}));
}

}  // namespace

ActivationLibrary::ActivationLibrary(const TrainingSet& training)
    : grid_(training.shape().grid),
      matrices_(room(training)),
      shares_(std::size_t{grid_.size()} * matrices_, 0.0F),
      inverse_lengths_(std::size_t{grid_.layers} * matrices_) {
  for (std::uint32_t m = 0; m < matrices_; ++m) {
    add(training, training.sequences()[m * training.sequences().size() / matrices_], m);
  }
  measure_lengths();
}

void ActivationLibrary::add(const TrainingSet& training, const TrainingSequence& sequence,
                            std::uint32_t matrix) {
  std::vector<ExpertId> chosen(training.shape().top_k);
  for (std::uint32_t l = 0; l < grid_.layers; ++l) {
    const LayerId layer{l};
    for (std::uint32_t token = 0; token < sequence.tokens; ++token) {
      training.choices(sequence.first_row + token, layer, chosen);
      for (const ExpertId e : chosen) shares_[grid_.index(layer, e).index() * matrices_ + matrix] += 1.0F;
    }
    for (std::uint32_t e = 0; e < grid_.experts; ++e) {
      shares_[grid_.index(layer, ExpertId{e}).index() * matrices_ + matrix] /=
          static_cast<float>(sequence.tokens);
    }
  }
}

void ActivationLibrary::measure_lengths() {
  std::vector<double> squares(matrices_, 0.0);
  for (std::uint32_t l = 0; l < grid_.layers; ++l) {
    for (std::uint32_t e = 0; e < grid_.experts; ++e) {
      const std::span<const float> all = shares(LayerId{l}, ExpertId{e});
      for (std::uint32_t m = 0; m < matrices_; ++m) squares[m] += static_cast<double>(all[m]) * all[m];
    }
    for (std::uint32_t m = 0; m < matrices_; ++m) {
      inverse_lengths_[std::size_t{l} * matrices_ + m] = static_cast<float>(1 / std::sqrt(squares[m]));
    }
  }
}

}  // namespace prophet
