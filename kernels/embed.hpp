#pragma once

#include <cstdint>

#include "kernels/status.hpp"
#include "kernels/weights.hpp"

namespace prophet::kernels {

/// output[t] = row ids[t] of the table, as fp32, exactly. The row of an id that the table has not is made of
/// not-a-numbers: on a device nobody can be told of it, so it has to show.
struct Embedding {
  Weights table;                       ///< [ids there are, columns]
  const std::uint32_t* ids = nullptr;  ///< [tokens]
  float* output = nullptr;             ///< [tokens, table.columns], overlaps nothing that is read
  std::uint32_t tokens = 0;
};

/// The reference. Nothing is allocated. bad_shape for a table that has_shape() denies, null_pointer for any
/// that is null unless there are no tokens.
[[nodiscard]] Status embed(const Embedding& call) noexcept;

}  // namespace prophet::kernels
