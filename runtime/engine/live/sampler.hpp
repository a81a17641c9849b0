#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/random.hpp"

namespace prophet {

/// How the next token is chosen.
struct Sampling {
  double temperature = 0;   ///< 0: the most probable token; of equal ones the lowest id
  std::uint32_t top_k = 0;  ///< only the so many most probable tokens; 0: all
  double top_p = 1;         ///< only the fewest tokens whose probabilities reach this sum; 1: all
  std::uint64_t seed = 0;
};

/// Throws Error{usage} for a temperature below 0, a top_p outside (0, 1] and what is no number.
void check_sampling(const Sampling& sampling);

/// Chooses tokens for one sequence: a function of the sampling's numbers, of the sequence's number and of the
/// logits it is given, in order. Allocates on its first call only. One thread.
class Sampler {
 public:
  Sampler(const Sampling& sampling, std::uint64_t sequence);

  /// Logits [vocab], not empty. First the tokens that top_k leaves, then of those the ones that top_p leaves
  /// (both with the lower id first among equals), drawn by softmax(logits / temperature). Not-a-numbers are
  /// never drawn. Throws Error{check_failed} when no logit is a finite number.
  [[nodiscard]] std::uint32_t next(std::span<const float> logits);

 private:
  struct Candidate {
    std::uint32_t token = 0;
    double weight = 0;  ///< the logit, then its exponential
  };

  [[nodiscard]] std::uint32_t draw(std::span<const float> logits);
  void collect(std::span<const float> logits);
  void keep_top_k();
  void keep_top_p();

  Sampling sampling_;
  Random random_;
  std::vector<Candidate> candidates_;
};

/// The token with the largest logit, of equal ones the lowest id; not-a-numbers are passed over. Throws
/// Error{check_failed} when there is none.
[[nodiscard]] std::uint32_t most_probable(std::span<const float> logits);

}  // namespace prophet
