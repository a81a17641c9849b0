#pragma once

#include <cstdint>

#include "runtime/model/model_shape.hpp"

namespace prophet {

/// Device memory of the activations of steps of up to `step_tokens` tokens, or one of each of `sequences`
/// where that is more: what LiveBuffers holds but for ids, block tables and the rotary table, whatever the
/// model's family. Throws Error{bad_input} when it does not fit 64 bits.
[[nodiscard]] std::uint64_t step_workspace_bytes(const ModelShape& model, std::uint32_t step_tokens,
                                                 std::uint32_t sequences);

}  // namespace prophet
