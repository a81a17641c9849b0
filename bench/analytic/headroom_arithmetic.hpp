#pragma once

#include "bench/analytic/headroom_terms.hpp"

/// How many tokens a device holds, computed from the model's shape and the device's memory: no allocation,
/// and no code of runtime/memory or runtime/kv, which it is compared with (scripts/check_layers sees to
/// that).
namespace prophet::analytic {

/// Every term. When the device is too small for weights and experts, missing_bytes says by how much, and the
/// terms behind the experts are 0.
[[nodiscard]] HeadroomTerms headroom(const HeadroomQuestion& question, const DeviceRoom& room);

/// What a paper would print: (memory - weights - experts) / bytes of a token, with no pages, slabs,
/// workspace, staging or reserve in it, and each layer as if it kept every token. 0 when there is no such
/// memory.
[[nodiscard]] std::uint64_t closed_form_tokens(const HeadroomQuestion& question, const DeviceRoom& room);

/// Bytes of a step's activations, all fp32 or 32-bit numbers, T = max(step_tokens, batch) rows each, but
/// logits, of which each sequence has one row:
///   residual stream and its norm 2 * hidden, queries and what attention returns 2 * query_values, K and V or
///   the latent of one layer, router logits experts, choices and weights 2 * top_k, expert outputs top_k *
///   hidden, feed-forwards beside them 2 * ffn_width and hidden, logits vocab_size.
[[nodiscard]] std::uint64_t workspace_bytes(const HeadroomQuestion& question);

}  // namespace prophet::analytic
