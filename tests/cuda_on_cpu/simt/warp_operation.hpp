#pragma once

#include <cstdint>

namespace prophet::simt {

enum class WarpOperationKind : std::uint8_t {
  shuffle,
  ballot,
  all,
  any,
  match_any,
  match_all,
  synchronise,
  add,
  minimum_signed,
  maximum_signed,
  minimum_unsigned,
  maximum_unsigned,
  bitwise_and,
  bitwise_or,
  bitwise_xor,
};

/// What one lane brings to a warp primitive, and what it takes from it. A value of any type of up to 8 bytes
/// travels as bits.
struct WarpOperation {
  WarpOperationKind kind = WarpOperationKind::synchronise;
  unsigned mask = 0;
  unsigned source_lane = 0;  ///< of a shuffle
  std::uint64_t bits = 0;
  std::uint64_t result = 0;
};

[[nodiscard]] const char* name_of(WarpOperationKind kind);

}  // namespace prophet::simt
