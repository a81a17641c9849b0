#pragma once

#include "runtime/kv/kv_geometry.hpp"
#include "runtime/model/model_shape.hpp"

namespace prophet {

/// What the KV cache of a model is made of: a group for each run of like layers with attention, token_bytes
/// as its K and V, or latent and rotary key, are stored in `dtype`; recurrent layers become state_bytes,
/// stored in 2 bytes a value. No page size is chosen yet: runtime/kv/kv_geometry.hpp plans it.
///
/// `dtype` is fp32, bf16, fp16, fp8 or int8, whose rows have a scale of 4 bytes; of a latent cache bf16 or
/// fp16, the formats in which kernels read one. Throws Error{usage} for others, and for a model none of whose
/// layers keeps anything of a token.
[[nodiscard]] KvGeometry kv_geometry_of(const ModelShape& model, Dtype dtype);

}  // namespace prophet
