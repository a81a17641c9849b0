#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/expert_layout.hpp"

/// Plain encoders, the inverse of kernels/expert_formats.hpp: to the nearest code, the even one of two as
/// near.
namespace prophet::kernels {

[[nodiscard]] std::uint16_t encode_bf16(float value) noexcept;
[[nodiscard]] std::uint16_t encode_fp16(float value) noexcept;
/// Beyond 448 the code is that of 448 (OCP FP8's saturating conversion); of NaN it is NaN.
[[nodiscard]] std::uint8_t encode_e4m3(float value) noexcept;
/// Beyond 6 the code is that of 6; REQUIRES: not NaN.
[[nodiscard]] std::uint8_t encode_e2m1(float value) noexcept;
/// The largest power of two that is not above `value`, within 2^-127 and 2^127. REQUIRES: value >= 0.
[[nodiscard]] std::uint8_t encode_e8m0(float value) noexcept;

/// Writes a projection [rows, columns] (row-major fp32) into its place in the slab, codes and scales: a scale
/// is what brings the largest magnitude of its block to the largest code (1 for a block of zeros), for mxfp4
/// the power of two of section 6.3 of OCP MX 1.0. A block of rows that gate and up share (fp8_blocks,
/// interleaved) needs both: see encode_expert(). REQUIRES: finite values.
void encode_matrix(ExpertFormat format, const MatrixLayout& matrix, const float* values,
                   std::byte* slab) noexcept;

/// Writes one bias a row. REQUIRES: the layout has biases.
void encode_bias(ExpertFormat format, const MatrixLayout& matrix, const float* values,
                 std::byte* slab) noexcept;

/// One expert in fp32, row-major: gate and up [width, hidden_size], down [hidden_size, width], biases [rows].
/// Those that the shape does not have are not read.
struct ExpertValues {
  const float* gate = nullptr;
  const float* up = nullptr;
  const float* down = nullptr;
  const float* gate_bias = nullptr;
  const float* up_bias = nullptr;
  const float* down_bias = nullptr;
};

/// Writes the whole slab of layout.size_bytes, padding as zeros. Owns and allocates nothing.
void encode_expert(const SlabLayout& layout, const ExpertValues& values, std::byte* slab) noexcept;

}  // namespace prophet::kernels
