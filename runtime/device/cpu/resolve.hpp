#pragma once

#include <cstdint>

#include "runtime/device/buffer_table.hpp"
#include "runtime/device/cpu/operation.hpp"

namespace prophet::cpu {

/// Checks a copy and turns its views into addresses. Throws Error{usage}.
[[nodiscard]] Operation resolve_copy(const BufferTable& buffers, BufferView destination, BufferView source,
                                     std::uint64_t tag);

/// Checks an operation and turns its views into addresses. Throws Error{usage}, also for fp32 views whose
/// offset is no multiple of 4 and for a slab that is too small for one row of each matrix.
[[nodiscard]] Operation resolve_compute(const BufferTable& buffers, const ComputeOp& op, std::uint64_t tag);

}  // namespace prophet::cpu
