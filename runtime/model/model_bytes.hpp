#pragma once

#include <cstdint>

#include "runtime/model/model_shape.hpp"

namespace prophet {

/// Bytes of all matrices of one routed expert. bf16/fp16: 2 a parameter; fp8: 1; int8: 1 and one fp32 scale a
/// row of each matrix; int4: groups of 32 with one fp16 scale; mxfp4: groups of 32 with one shared 8-bit
/// exponent (OCP Microscaling Formats 1.0). Checked: throws Error{bad_input} beyond limits::expert_bytes_max.
[[nodiscard]] std::uint64_t expert_bytes(const ModelShape& model, Dtype dtype);

/// Bytes of everything that is always resident.
[[nodiscard]] std::uint64_t non_expert_bytes(const ModelShape& model, Dtype dtype);

/// Bytes that one more token of one sequence adds to `run`'s layers together, before any window is full.
[[nodiscard]] std::uint64_t kv_bytes_per_token(const KvLayers& run, Dtype dtype);

/// The sum over all layers of the model.
[[nodiscard]] std::uint64_t kv_bytes_per_token(const ModelShape& model, Dtype dtype);

}  // namespace prophet
