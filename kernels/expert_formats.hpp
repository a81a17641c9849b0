#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/expert_layout.hpp"

/// Plain decoders of everything that ExpertFormat names: the reference of the kernels in kernels/cuda.
namespace prophet::kernels {

[[nodiscard]] float decode_bf16(std::uint16_t bits) noexcept;
[[nodiscard]] float decode_fp16(std::uint16_t bits) noexcept;
/// OCP 8-bit Floating Point 1.0, E4M3: bias 7, no infinity, NaN as S.1111.111.
[[nodiscard]] float decode_e4m3(std::uint8_t bits) noexcept;
/// OCP Microscaling Formats 1.0, E2M1: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and a sign; of the low four bits.
[[nodiscard]] float decode_e2m1(std::uint8_t bits) noexcept;
/// OCP Microscaling Formats 1.0, E8M0: 2^(bits - 127), NaN as 255.
[[nodiscard]] float decode_e8m0(std::uint8_t bits) noexcept;

/// The code at [row, column] of a projection, without its scale. `slab` lies as `matrix` says.
[[nodiscard]] float decode_code(ExpertFormat format, const MatrixLayout& matrix, const std::byte* slab,
                                std::uint64_t row, std::uint64_t column) noexcept;
/// Its scale; 1 for a format without.
[[nodiscard]] float decode_scale(ExpertFormat format, const MatrixLayout& matrix, const std::byte* slab,
                                 std::uint64_t row, std::uint64_t column) noexcept;
/// Their product, rounded once to fp32.
[[nodiscard]] float decode_value(ExpertFormat format, const MatrixLayout& matrix, const std::byte* slab,
                                 std::uint64_t row, std::uint64_t column) noexcept;
/// The bias of a row. REQUIRES: the layout has biases.
[[nodiscard]] float decode_bias(ExpertFormat format, const MatrixLayout& matrix, const std::byte* slab,
                                std::uint64_t row) noexcept;

}  // namespace prophet::kernels
