#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/router_topk.hpp"

namespace prophet::kernels::cuda {

/// kernels::router_topk on the device (see kernels/router_topk.hpp for the rule, ties, NaN and the order of
/// sums); the same bits as the reference.
///
/// logits [tokens, experts] fp32; bias [experts] fp32 or null; ids and weights [tokens, top_k], written: all
/// in device memory, in stream order. A warp a token, four tokens a block, nothing shared; 16-byte loads
/// where experts is a multiple of 4 and logits and bias are aligned to 16 bytes. Moves tokens * (4 * experts
/// + 8 * top_k) bytes; about 30 operations an expert and 10 dependent warp operations a rank: bound by
/// latency, some microseconds. One launch; allocates nothing. cudaErrorInvalidValue for a null pointer or an
/// invalid rule; no tokens: nothing is launched.
[[nodiscard]] cudaError_t router_topk(const float* logits, const float* bias, std::uint32_t tokens,
                                      const RouterRule& rule, std::uint32_t* ids, float* weights,
                                      cudaStream_t stream) noexcept;

/// The same with ids of 16 bits.
[[nodiscard]] cudaError_t router_topk(const float* logits, const float* bias, std::uint32_t tokens,
                                      const RouterRule& rule, std::uint16_t* ids, float* weights,
                                      cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
