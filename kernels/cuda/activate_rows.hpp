#pragma once

#include <cuda_runtime_api.h>

#include "kernels/activate_rows.hpp"

namespace prophet::kernels::cuda {

/// kernels::activate_rows on the device: see kernels/activate_rows.hpp. gate and up are device memory, read
/// and written in stream order; nothing is allocated. Operations are the reference's in its order, but exp,
/// tanh and erf have last bits of CUDA's own. cudaErrorInvalidValue for an unknown activation, a null or
/// misaligned pointer, or 2^40 values and more; no values: nothing is launched.
///
/// Four values a thread, with 16-byte accesses where both begin on 16 bytes. 12 bytes a value (8 without
/// `up`), about 20 operations: bound by memory, and at the few tokens of a decode step by the launch.
[[nodiscard]] cudaError_t activate_rows(const ActivatedRows& call, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
