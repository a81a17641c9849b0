// Products of eight rows at once with AVX2 and FMA. A register holds one column of eight rows, so that every
// lane of expert_dot()'s order is a register of its own and no sum crosses registers.
//
// All functions that use the instructions say so themselves: the rest of the program is built for any x86-64.
// Sums are intrinsics, so that no compiler can fuse or reorder what the order fixes.
#include "kernels/row_products.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#define PROPHET_EIGHTS __attribute__((target("avx2,fma")))
#define PROPHET_EIGHTS_INLINE __attribute__((target("avx2,fma"), always_inline)) inline

namespace prophet::kernels {
namespace {

constexpr std::size_t eight = product_rows;
constexpr std::size_t lane_count = 32;
/// Lanes whose chunks are decoded together: 128 bytes of a row.
constexpr std::size_t group_lanes = 8;
constexpr std::size_t lanes_at_once = 4;
constexpr std::size_t group_bytes = group_lanes * 16;
constexpr std::size_t group_columns_max = group_bytes * 2;

template <ExpertFormat format>
constexpr std::size_t value_bits() {
  switch (format) {
    case ExpertFormat::fp32:
      return 32;
    case ExpertFormat::bf16:
    case ExpertFormat::fp16:
      return 16;
    case ExpertFormat::fp8_rows:
    case ExpertFormat::fp8_blocks:
    case ExpertFormat::int8:
      return 8;
    default:
      return 4;
  }
}

template <ExpertFormat format>
constexpr std::size_t chunk_values = 128 / value_bits<format>();
template <ExpertFormat format>
constexpr std::size_t group_columns = group_lanes* chunk_values<format>;
template <ExpertFormat format>
constexpr bool has_column_scales = format == ExpertFormat::fp8_blocks || format == ExpertFormat::int4_32 ||
                                   format == ExpertFormat::int4_128 || format == ExpertFormat::mxfp4;

PROPHET_EIGHTS_INLINE __m256 as_floats(__m256i bits) {
  return _mm256_castsi256_ps(bits);
}
PROPHET_EIGHTS_INLINE __m256i words(int word) {
  return _mm256_set1_epi32(word);
}

/// Sign, exponent and mantissa shifted to where fp32 has them, times 2^power: exact, also for what was
/// subnormal.
PROPHET_EIGHTS_INLINE __m256i rescaled(__m256i magnitude, float power) {
  return _mm256_castps_si256(_mm256_mul_ps(as_floats(magnitude), _mm256_set1_ps(power)));
}

PROPHET_EIGHTS_INLINE __m256 from_fp16(__m256i bits) {
  const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(bits, words(0x8000)), 16);
  const __m256i magnitude = _mm256_slli_epi32(_mm256_and_si256(bits, words(0x7FFF)), 13);
  const __m256i exponent = _mm256_and_si256(bits, words(0x7C00));
  const __m256i special = _mm256_and_si256(_mm256_cmpeq_epi32(exponent, words(0x7C00)), words(0x7F800000));
  return as_floats(_mm256_or_si256(_mm256_or_si256(rescaled(magnitude, 0x1p112F), special), sign));
}

PROPHET_EIGHTS_INLINE __m256 from_e4m3(__m256i bits) {
  const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(bits, words(0x80)), 24);
  const __m256i low = _mm256_and_si256(bits, words(0x7F));
  const __m256i special = _mm256_and_si256(_mm256_cmpeq_epi32(low, words(0x7F)), words(0x7FC00000));
  const __m256i value = rescaled(_mm256_slli_epi32(low, 20), 0x1p120F);
  return as_floats(_mm256_or_si256(_mm256_or_si256(value, special), sign));
}

PROPHET_EIGHTS_INLINE __m256i nibbles(const std::byte* from) {
  int packed = 0;
  std::memcpy(&packed, from, sizeof packed);
  const __m256i shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
  return _mm256_and_si256(_mm256_srlv_epi32(words(packed), shifts), words(15));
}

PROPHET_EIGHTS_INLINE __m256 from_e2m1(__m256i bits) {
  const __m256 magnitudes = _mm256_setr_ps(0, 0.5F, 1, 1.5F, 2, 3, 4, 6);
  const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(bits, words(8)), 28);
  return _mm256_xor_ps(_mm256_permutevar8x32_ps(magnitudes, bits), as_floats(sign));
}

/// Eight columns of a row, from `column`, a multiple of eight, on.
template <ExpertFormat format>
PROPHET_EIGHTS_INLINE __m256 decode_eight(const std::byte* row, std::size_t column) {
  const std::byte* const from = row + column * value_bits<format>() / 8;
  if constexpr (format == ExpertFormat::fp32) {
    return _mm256_loadu_ps(reinterpret_cast<const float*>(from));
  } else if constexpr (value_bits<format>() == 16) {
    const __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    if constexpr (format == ExpertFormat::fp16) return from_fp16(bits);
    return as_floats(_mm256_slli_epi32(bits, 16));
  } else if constexpr (value_bits<format>() == 8) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    if constexpr (format == ExpertFormat::int8) return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
    return from_e4m3(_mm256_cvtepu8_epi32(bytes));
  } else {
    const __m256i bits = nibbles(from);
    if constexpr (format == ExpertFormat::mxfp4) return from_e2m1(bits);
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(bits, words(8)));
  }
}

/// Eight rows of eight columns become eight columns of eight rows.
PROPHET_EIGHTS_INLINE void transpose(__m256 (&m)[eight]) {
  __m256 pairs[eight];
  for (std::size_t i = 0; i < eight; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(m[i], m[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_ps(m[i], m[i + 1]);
  }
  __m256 quads[eight];
  for (std::size_t i = 0; i < eight; i += 4) {
    quads[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
    quads[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xEE);
    quads[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
    quads[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xEE);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    m[i] = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x20);
    m[i + 4] = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x31);
  }
}

float load_fp32(const std::byte* from) {
  float value = 0;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// 2^(bits - 127), whose smallest is subnormal.
float from_e8m0(const std::byte* from) {
  const auto exponent = std::to_integer<std::uint32_t>(*from);
  const std::uint32_t bits = exponent == 0 ? 0x00400000U : exponent == 255 ? 0x7FC00000U : exponent << 23U;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

PROPHET_EIGHTS_INLINE float from_fp16(const std::byte* from) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, from, sizeof bits);
  return _mm256_cvtss_f32(from_fp16(words(bits)));
}

/// The scale of the chunk that begins at `column`.
template <ExpertFormat format>
PROPHET_EIGHTS_INLINE float scale_of(const std::byte* scales, std::size_t column) {
  if constexpr (format == ExpertFormat::fp8_blocks) return load_fp32(scales + column / 128 * 4);
  if constexpr (format == ExpertFormat::mxfp4) return from_e8m0(scales + column / 32);
  return from_fp16(scales + column / (format == ExpertFormat::int4_32 ? 32 : 128) * 2);
}

/// What one group of columns is multiplied with.
struct Group {
  alignas(32) float codes[group_columns_max][eight];  // by column, then row
  alignas(32) float scales[group_lanes][eight];       // of formats with scales for columns
  std::size_t first = 0;                              // column of the rows
  std::size_t left = 0;                               // columns of the rows from there on
  std::size_t chunks = 0;                             // of them that are in the group
  std::size_t lanes = 0;                              // chunks, rounded up to what is added at once
};

template <ExpertFormat format>
PROPHET_EIGHTS_INLINE void decode_codes(const std::byte* const (&rows)[eight], std::size_t columns,
                                        Group& group) {
  for (std::size_t column = 0; column < columns; column += eight) {
    __m256 block[eight];
    for (std::size_t r = 0; r < eight; ++r) block[r] = decode_eight<format>(rows[r], column);
    transpose(block);
    for (std::size_t i = 0; i < eight; ++i) _mm256_store_ps(group.codes[column + i], block[i]);
  }
}

/// Rows that end within a load of eight columns: their last bytes with zeros behind them.
template <ExpertFormat format>
PROPHET_EIGHTS_INLINE void decode_ragged(const std::byte* const (&rows)[eight], Group& group) {
  std::byte padded[eight][group_bytes] = {};
  const std::byte* begins[eight];
  for (std::size_t r = 0; r < eight; ++r) {
    std::memcpy(padded[r], rows[r], (group.left * value_bits<format>() + 7) / 8);
    begins[r] = padded[r];
  }
  decode_codes<format>(begins, (group.left + eight - 1) / eight * eight, group);
}

template <ExpertFormat format>
PROPHET_EIGHTS_INLINE void decode_scales(const CodeRows& rows, Group& group) {
  for (std::size_t lane = 0; lane < group.lanes; ++lane) {
    for (std::size_t r = 0; r < eight; ++r) {
      group.scales[lane][r] =
          lane < group.chunks ? scale_of<format>(rows.scales[r], group.first + lane * chunk_values<format>)
                              : -0.0F;
    }
  }
}

/// What is beyond the rows' end becomes -0, which times the zeros that stand in for x is -0, and added
/// changes no sum, not even another -0.
template <ExpertFormat format>
PROPHET_EIGHTS_INLINE void decode_group(const CodeRows& rows, std::size_t first, Group& group) {
  group.first = first;
  group.left = rows.columns - first;
  group.chunks = std::min(group_lanes, (group.left + chunk_values<format> - 1) / chunk_values<format>);
  group.lanes = (group.chunks + lanes_at_once - 1) / lanes_at_once * lanes_at_once;
  const std::size_t columns = group.lanes * chunk_values<format>;
  const std::byte* begins[eight];
  for (std::size_t r = 0; r < eight; ++r) begins[r] = rows.codes[r] + first * value_bits<format>() / 8;
  if (group.left >= columns || group.left % eight == 0) {
    decode_codes<format>(begins, std::min(group.left, columns), group);
  } else {
    decode_ragged<format>(begins, group);
  }
  for (std::size_t column = group.left; column < columns; ++column)
    std::fill_n(group.codes[column], eight, -0.0F);
  if constexpr (has_column_scales<format>) decode_scales<format>(rows, group);
}

/// The lanes of a token, one after another: eight rows each.
using Lanes = float[lane_count][eight];

/// Adds four lanes of a group to those of `count` tokens.
template <ExpertFormat format, std::size_t count>
PROPHET_EIGHTS_INLINE void add_lanes(const Group& group, std::size_t lane, const float* const* x,
                                     Lanes* lanes, std::size_t first_lane) {
  constexpr std::size_t values = chunk_values<format>;
  constexpr std::size_t at_once = lanes_at_once;
  __m256 sums[count][at_once];
  for (std::size_t t = 0; t < count; ++t) {
    for (std::size_t l = 0; l < at_once; ++l) {
      sums[t][l] =
          has_column_scales<format> ? _mm256_setzero_ps() : _mm256_load_ps(lanes[t][first_lane + lane + l]);
    }
  }
  for (std::size_t i = 0; i < values; ++i) {
    for (std::size_t l = 0; l < at_once; ++l) {
      const std::size_t column = (lane + l) * values + i;
      const __m256 codes = _mm256_load_ps(group.codes[column]);
      for (std::size_t t = 0; t < count; ++t)
        sums[t][l] = _mm256_fmadd_ps(codes, _mm256_broadcast_ss(x[t] + column), sums[t][l]);
    }
  }
  for (std::size_t t = 0; t < count; ++t) {
    for (std::size_t l = 0; l < at_once; ++l) {
      float* const total = lanes[t][first_lane + lane + l];
      if constexpr (has_column_scales<format>) {
        const __m256 scale = _mm256_load_ps(group.scales[lane + l]);
        sums[t][l] = _mm256_fmadd_ps(scale, sums[t][l], _mm256_load_ps(total));
      }
      _mm256_store_ps(total, sums[t][l]);
    }
  }
}

template <ExpertFormat format, std::size_t count>
PROPHET_EIGHTS_INLINE void add_group(const Group& group, const float* const* x, Lanes* lanes) {
  const std::size_t first_lane = group.first / chunk_values<format> % lane_count;
  const std::size_t columns = group.lanes * chunk_values<format>;
  const float* from[count];
  float padded[count][group_columns<format>];
  for (std::size_t t = 0; t < count; ++t) {
    from[t] = x[t] + group.first;
    if (group.left >= columns) continue;
    std::fill_n(std::copy_n(from[t], group.left, padded[t]), columns - group.left, 0.0F);
    from[t] = padded[t];
  }
  for (std::size_t lane = 0; lane < group.lanes; lane += lanes_at_once)
    add_lanes<format, count>(group, lane, from, lanes, first_lane);
}

PROPHET_EIGHTS_INLINE void add_pairwise(const Lanes& lanes, float* sums) {
  __m256 left[lane_count / 2];
  for (std::size_t l = 0; l < lane_count / 2; ++l)
    left[l] = _mm256_add_ps(_mm256_load_ps(lanes[l]), _mm256_load_ps(lanes[l + lane_count / 2]));
  for (std::size_t step = lane_count / 4; step != 0; step /= 2) {
    for (std::size_t l = 0; l < step; ++l) left[l] = _mm256_add_ps(left[l], left[l + step]);
  }
  _mm256_storeu_ps(sums, left[0]);
}

template <ExpertFormat format>
PROPHET_EIGHTS void products(const CodeRows& rows, std::span<const float* const> x, ProductSums& sums) {
  alignas(32) Lanes lanes[product_tokens];
  std::memset(lanes, 0, x.size() * sizeof(Lanes));
  Group group;
  for (std::size_t first = 0; first < rows.columns; first += group_columns<format>) {
    decode_group<format>(rows, first, group);
    std::size_t t = 0;
    for (; t + 2 <= x.size(); t += 2) add_group<format, 2>(group, &x[t], lanes + t);
    if (t < x.size()) add_group<format, 1>(group, &x[t], lanes + t);
  }
  for (std::size_t t = 0; t < x.size(); ++t) add_pairwise(lanes[t], sums.of[t]);
}

}  // namespace

bool has_row_products_by_eights() noexcept {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
}

void row_products_by_eights(const CodeRows& rows, std::span<const float* const> x,
                            ProductSums& sums) noexcept {
  switch (rows.format) {
    case ExpertFormat::fp32:
      return products<ExpertFormat::fp32>(rows, x, sums);
    case ExpertFormat::bf16:
      return products<ExpertFormat::bf16>(rows, x, sums);
    case ExpertFormat::fp16:
      return products<ExpertFormat::fp16>(rows, x, sums);
    case ExpertFormat::fp8_rows:
      return products<ExpertFormat::fp8_rows>(rows, x, sums);
    case ExpertFormat::fp8_blocks:
      return products<ExpertFormat::fp8_blocks>(rows, x, sums);
    case ExpertFormat::int8:
      return products<ExpertFormat::int8>(rows, x, sums);
    case ExpertFormat::int4_32:
      return products<ExpertFormat::int4_32>(rows, x, sums);
    case ExpertFormat::int4_128:
      return products<ExpertFormat::int4_128>(rows, x, sums);
    case ExpertFormat::mxfp4:
      return products<ExpertFormat::mxfp4>(rows, x, sums);
  }
}

}  // namespace prophet::kernels

#else

namespace prophet::kernels {

bool has_row_products_by_eights() noexcept {
  return false;
}

void row_products_by_eights(const CodeRows& rows, std::span<const float* const> x,
                            ProductSums& sums) noexcept {
  row_products_plainly(rows, x, sums);
}

}  // namespace prophet::kernels

#endif
