#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/expert_layout.hpp"

/// The products that expert_ffn_formats() and linear() are made of, a few rows and tokens at a time: once
/// plainly, and once for CPUs that multiply and add eight numbers with one rounding. Same bits (but for the
/// payload of not-a-numbers), whichever runs.
namespace prophet::kernels {

inline constexpr std::size_t product_rows = 8;     ///< rows of weights at a time
inline constexpr std::size_t product_tokens = 16;  ///< tokens at a time

/// Rows of codes and of scales, each where it begins; nothing is owned. Rows that are not asked for repeat
/// one that is, so that all pointers can be read.
struct CodeRows {
  ExpertFormat format = ExpertFormat::fp32;
  std::uint64_t columns = 0;
  const std::byte* codes[product_rows] = {};
  const std::byte* scales[product_rows] = {};  ///< of a format with a scale for some columns
};

/// For each token and row the lanes' total as expert_dot() states it, before the row's scale and bias.
struct ProductSums {
  float of[product_tokens][product_rows];
};

/// Sums of rows times x[t] [columns] for at most product_tokens tokens. Allocates nothing. Chooses by the CPU
/// which of the two below runs.
void row_products(const CodeRows& rows, std::span<const float* const> x, ProductSums& sums) noexcept;

void row_products_plainly(const CodeRows& rows, std::span<const float* const> x, ProductSums& sums) noexcept;

/// REQUIRES: has_row_products_by_eights().
void row_products_by_eights(const CodeRows& rows, std::span<const float* const> x,
                            ProductSums& sums) noexcept;
/// True on x86-64 with AVX2 and FMA.
[[nodiscard]] bool has_row_products_by_eights() noexcept;

}  // namespace prophet::kernels
