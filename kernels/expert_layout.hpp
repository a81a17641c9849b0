#pragma once

#include <cstdint>

#include "kernels/status.hpp"

namespace prophet::kernels {

/// How the matrices of an expert are stored. `columns` is the length of a row: hidden_size into the expert,
/// width out of it. Every row begins on 16 bytes, for which `columns` must be a multiple of
/// column_multiple().
///
///   format      a value                             scales                                        multiple
///   fp32        4 bytes                             -                                             4
///   bf16, fp16  2 bytes                             -                                             8
///   fp8_rows    1 byte, e4m3 (OCP FP8, no infinity) one fp32 a row                                16
///   fp8_blocks  1 byte, e4m3                        one fp32 a block of 128 rows x 128 columns    16
///   int8        1 byte, two's complement            one fp32 a row                                16
///   int4_32     4 bits, code - 8                    one fp16 for 32 columns of a row              32
///   int4_128    4 bits, code - 8                    one fp16 for 128 columns of a row             32
///   mxfp4       4 bits, e2m1                        one e8m0 for 32 columns of a row (OCP MX 1.0) 32
///
/// A stored value is code times scale. Of two values in a byte the even column has the low four bits. A last
/// block of rows or columns may be partial; its scale is stored like any other.
enum class ExpertFormat : std::uint8_t {
  fp32,
  bf16,
  fp16,
  fp8_rows,
  fp8_blocks,
  int8,
  int4_32,
  int4_128,
  mxfp4
};

inline constexpr int expert_format_count = 9;
/// Every part of a slab begins on this boundary from the slab's beginning.
inline constexpr std::uint64_t slab_part_alignment_bytes = 16;
/// What hidden_size and width may be at most; all sizes below then fit 64 bits with room to spare.
inline constexpr std::uint32_t expert_dimension_max = 1U << 22U;

/// What there is to know of a format besides its codes.
struct FormatInfo {
  const char* name = "";
  std::uint32_t value_bits = 0;
  std::uint32_t scale_bytes = 0;    ///< 0: there are no scales
  std::uint32_t scale_rows = 0;     ///< rows that share a scale
  std::uint32_t scale_columns = 0;  ///< columns that share a scale; 0: all of a row
  /// Values in 16 bytes: the piece in which one lane reads a row, and what `columns` must be a multiple of.
  [[nodiscard]] constexpr std::uint32_t column_multiple() const noexcept { return 128 / value_bits; }
};

/// REQUIRES: a known format.
[[nodiscard]] const FormatInfo& format_info(ExpertFormat format) noexcept;

struct ExpertShape {
  ExpertFormat format = ExpertFormat::fp32;
  std::uint32_t hidden_size = 0;
  std::uint32_t width = 0;   ///< of the expert's inner layer
  bool gated = true;         ///< gate and up, else one projection
  bool has_bias = false;     ///< of every projection
  bool interleaved = false;  ///< gate and up are one matrix, row 2w of w's gate and row 2w + 1 of its up
  friend bool operator==(const ExpertShape&, const ExpertShape&) = default;
};

/// One projection [rows, columns] of a slab. Its row r is row `row_first + row_step * r` of a stored matrix
/// that begins at `values`; scales and biases are counted in stored rows too. Offsets are from the slab's
/// beginning.
struct MatrixLayout {
  std::uint64_t values_offset_bytes = 0;
  std::uint64_t scales_offset_bytes = 0;
  std::uint64_t bias_offset_bytes = 0;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::uint32_t row_first = 0;
  std::uint32_t row_step = 1;
  [[nodiscard]] constexpr std::uint64_t stored_row(std::uint64_t row) const noexcept {
    return row_first + row_step * row;
  }
};

/// Where the parts of one expert lie in its slab: gate, up, down (or both interleaved, then down), each as
/// its values and behind them its scales; then the biases in the same order. Gate is [width, hidden_size], of
/// an ungated expert it is the only one into the inner layer and `up` is unused; down is [hidden_size,
/// width].
///
/// Biases are fp32, bf16 or fp16 as the values are, and bf16 beside codes of 8 or 4 bits.
///
/// size_bytes is what expert_bytes() of runtime/model counts wherever both model the same thing: all dtypes
/// but fp8, whose scales are not counted there (4 bytes a row, or 4 for 16,384 values); int4 is int4_32. A
/// shape whose parts do not end on 16 bytes has less than 16 bytes of padding a part more.
struct SlabLayout {
  ExpertShape shape{};
  MatrixLayout gate{};
  MatrixLayout up{};
  MatrixLayout down{};
  std::uint64_t size_bytes = 0;
};

/// bad_shape: a dimension is 0, beyond expert_dimension_max or no multiple of column_multiple(), or an
/// ungated expert is to be interleaved.
[[nodiscard]] Status slab_layout(const ExpertShape& shape, SlabLayout& layout) noexcept;

/// The slab that ExpertOp of runtime/device describes: fp32, gated, without bias; three matrices one right
/// behind the other, of any hidden_size, so that parts and rows lie on 4 bytes only. width follows from
/// slab_bytes as in expert_matrices(). bad_shape: hidden_size or width is 0 or beyond expert_dimension_max.
[[nodiscard]] Status packed_fp32_layout(std::uint64_t slab_bytes, std::uint32_t hidden_size,
                                        SlabLayout& layout) noexcept;

/// Bytes of one stored row of values.
[[nodiscard]] std::uint64_t value_row_bytes(ExpertFormat format, std::uint64_t columns) noexcept;
/// Scales in one row of scales; 0 without scales.
[[nodiscard]] std::uint64_t scales_in_row(ExpertFormat format, std::uint64_t columns) noexcept;
/// Bytes of one bias.
[[nodiscard]] std::uint64_t bias_bytes(ExpertFormat format) noexcept;

}  // namespace prophet::kernels
