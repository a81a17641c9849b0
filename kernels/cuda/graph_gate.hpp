#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace prophet::kernels::cuda {

/// Opens a conditional node of the graph that is being captured exactly when *missing is 0, which resolve()
/// says of a layer whose experts all have slabs.
///
/// missing [1] in device memory, read in stream order at each run of the graph. One thread, one launch.
/// cudaErrorInvalidValue for a null pointer.
[[nodiscard]] cudaError_t graph_gate(cudaGraphConditionalHandle handle, const std::uint32_t* missing,
                                     cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
