#pragma once

#include <cstdint>

/// How many distinct experts of a layer a step needs, and what follows from that alone. A step routes `batch`
/// tokens together: in decoding that is the batch, in a prompt it is batch times prompt length.
namespace prophet::analytic {

/// Exponent that the study fitted to a batch's distinct experts, document 004; it holds for no routing at
/// every size, and for uniform routing at none.
inline constexpr double study_exponent = 0.932;

/// The study's law min(E, k * B^exponent), document 001, methodology.
[[nodiscard]] double unique_power_law(std::uint32_t experts, std::uint32_t top_k, double batch,
                                      double exponent = study_exponent);

/// The expectation where each token draws k of E experts uniformly and independently of the others,
/// E * (1 - (1 - k / E)^B). Exact, since a token misses one expert with probability 1 - k / E.
[[nodiscard]] double unique_uniform(std::uint32_t experts, std::uint32_t top_k, double batch);

/// Three ratios that are often taken for one another.
struct Sharing {
  double savings = 0;  ///< 1 - U / E: the share of experts that the step does not need
  double sparsity =
      1;  ///< E / U, which the study calls deduplication; E / k at batch 1, where nothing is shared
  double reuse = 1;  ///< k * B / U: tokens that an expert serves; 1 at batch 1
};
[[nodiscard]] Sharing sharing(std::uint32_t experts, std::uint32_t top_k, double batch, double unique);

/// The batch from which the study's law asks for all experts, (E / k)^(1 / exponent).
[[nodiscard]] double saturation_batch(std::uint32_t experts, std::uint32_t top_k,
                                      double exponent = study_exponent);

}  // namespace prophet::analytic
