#pragma once

#include <cstdint>

#include "kernels/status.hpp"

namespace prophet::kernels {

/// Rotary position embedding in place (Su et al. 2021), in the layout of the Llama family: value i of a head
/// is turned with value i + head_dim / 2. With h = head_dim / 2, c = table[p, i] and s = table[p, h + i] of
/// the token's position p,
///
///   (x[i], x[h + i]) = (x[i] c - x[h + i] s, x[h + i] c + x[i] s)
///
/// each as one fp32 product that is rounded (the one with s), then a multiply-add with one rounding, so that
/// every device has the same bits. A token at a position that the table has not becomes not-a-numbers.
struct Rotary {
  float* values = nullptr;                   ///< [tokens, heads, head_dim]
  const float* table = nullptr;              ///< [positions_max, head_dim]: cosines, then sines
  const std::uint32_t* positions = nullptr;  ///< [tokens]
  std::uint64_t positions_max = 0;           ///< positions in the table
  std::uint32_t tokens = 0;
  std::uint32_t heads = 0;
  std::uint32_t head_dim = 0;  ///< even
};

/// What heads * head_dim may be at most.
inline constexpr std::uint64_t rotary_values_max = 1U << 24U;

[[nodiscard]] constexpr bool has_shape(const Rotary& call) noexcept {
  return call.heads != 0 && call.head_dim != 0 && call.head_dim % 2 == 0 &&
         std::uint64_t{call.heads} * call.head_dim <= rotary_values_max;
}

/// The reference. Nothing is allocated. bad_shape for what has_shape() denies, null_pointer for any that is
/// null unless there are no tokens.
[[nodiscard]] Status rotary(const Rotary& call) noexcept;

}  // namespace prophet::kernels
