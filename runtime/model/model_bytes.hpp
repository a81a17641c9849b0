#pragma once

#include <cstdint>

#include "runtime/model/model_shape.hpp"

namespace prophet {

/// Bytes of one row of `values` numbers as stored. fp32: 4 each; bf16, fp16: 2; fp8: 1; int8: 1 each and one
/// fp32 scale a row; int4: groups of 32 with one fp16 scale; mxfp4: groups of 32 with one shared 8-bit
/// exponent (OCP Microscaling Formats 1.0). A last group that is not full is stored full.
[[nodiscard]] std::uint64_t row_bytes(std::uint64_t values, Dtype dtype);

/// Parameters of one routed expert, its biases included.
[[nodiscard]] std::uint64_t expert_params(const ModelShape& model);

/// Parameters of the whole model: every routed expert and everything else.
[[nodiscard]] std::uint64_t total_params(const ModelShape& model);

/// Bytes of all matrices of one routed expert and of its biases. gate and up are `expert_width` rows of
/// `hidden_size`, down is `hidden_size` rows of `expert_width`, each row as row_bytes() says; biases are
/// stored in `dtype` when that is a float of 16 or 32 bits, else in the model's own dtype. Scales of fp8
/// blocks (1 in 16,384 values) are not counted. Throws Error{bad_input} beyond limits::expert_bytes_max.
[[nodiscard]] std::uint64_t expert_bytes(const ModelShape& model, Dtype dtype);

/// Bytes of everything that is always resident, as rows of `hidden_size`.
[[nodiscard]] std::uint64_t non_expert_bytes(const ModelShape& model, Dtype dtype);

/// Bytes of the part of them of which a step reads one row a token: ModelShape::lookup_params.
[[nodiscard]] std::uint64_t lookup_bytes(const ModelShape& model, Dtype dtype);

/// Bytes that one more token of one sequence adds to `run`'s layers together, before any window is full.
/// Each head's key, each head's value and each latent with its rotary key is one row of row_bytes().
[[nodiscard]] std::uint64_t kv_bytes_per_token(const KvLayers& run, Dtype dtype);

/// The sum over all layers of the model.
[[nodiscard]] std::uint64_t kv_bytes_per_token(const ModelShape& model, Dtype dtype);

}  // namespace prophet
