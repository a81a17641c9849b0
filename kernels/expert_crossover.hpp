#pragma once

#include <cstdint>

#include "kernels/expert_layout.hpp"

namespace prophet::kernels {

/// Rows whose sums one pass of the few-token kernel keeps: more rows read the weights again.
inline constexpr std::uint32_t few_token_rows = 8;

/// What a GPU reaches. The first two are those of a GPU profile; a data sheet calls the third "FP32".
struct ExpertRates {
  double memory_bytes_per_s = 0;
  double matrix_flops_per_s = 0;  ///< dense 16-bit products on matrix units, a multiply-add counts as two
  double vector_flops_per_s = 0;  ///< fp32 outside of them, a multiply-add counts as two
};

/// Roofline of one weight of an expert with `rows` rows, as seconds, for the two ways to compute it.
/// Activations are left out: next to the weights of an expert they are small below the crossover. P passes of
/// few_token_rows rows cover `rows`; b is the bytes of a weight with its share of the scales.
///
///   few:   max(P * b / memory, (2 * rows + P * d) / vector)    d: operations that decode one code
///   many:  (b + 2) / memory + max(2 / memory, 2 * rows / matrix)                 where codes are first
///   written
///          out as bf16; max(b / memory, 2 * rows / matrix) for bf16 and fp16, and with vector for fp32
[[nodiscard]] double few_token_weight_s(ExpertFormat format, std::uint32_t rows,
                                        const ExpertRates& rates) noexcept;
[[nodiscard]] double many_token_weight_s(ExpertFormat format, std::uint32_t rows,
                                         const ExpertRates& rates) noexcept;

/// The smallest number of rows of one expert from which the many-token way (kernels/cuda/expert_ffn_blas.hpp)
/// is the faster one by the roofline above; at most crossover_rows_max, and 1 where a rate is not positive.
/// It is a bound's opinion: a benchmark that measures both may put its own number in its place.
[[nodiscard]] std::uint32_t expert_ffn_crossover_rows(ExpertFormat format, const ExpertRates& rates) noexcept;

inline constexpr std::uint32_t crossover_rows_max = 1024;

}  // namespace prophet::kernels
