#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/resolve.hpp"

namespace prophet::kernels::cuda {

/// kernels::resolve on the device (see kernels/resolve.hpp for what it lists, and in which order).
///
/// ids [tokens, top_k], the table's entries and all arrays of `resolved` in device memory, read and written
/// in stream order; the table's entries are read anew by each run, so that a captured graph follows them.
/// report in mapped pinned host memory: only it crosses the link. The host may watch report->written while
/// the kernel still runs: all else in the report is there then, the arrays in device memory only in stream
/// order. A choice of an expert that the table does not have is counted in report->invalid and has no row;
/// its slot is 0, so that nothing is read out of bounds.
///
/// One block, one launch; allocates nothing; the result does not depend on timing. Moves about 16 bytes a
/// choice and 20 an expert, and about 6 rounds of a warp for each 512 choices: bound by latency, some
/// microseconds. cudaErrorInvalidValue for a null pointer, a top_k of 0, or a shape beyond the limits; with
/// no tokens the lists are empty, and written.
[[nodiscard]] cudaError_t resolve(const std::uint32_t* ids, std::uint32_t tokens, std::uint32_t top_k,
                                  const SlabTable& table, const ResolvedExperts& resolved,
                                  ResolveReport* report, cudaStream_t stream) noexcept;

/// The same with ids of 16 bits.
[[nodiscard]] cudaError_t resolve(const std::uint16_t* ids, std::uint32_t tokens, std::uint32_t top_k,
                                  const SlabTable& table, const ResolvedExperts& resolved,
                                  ResolveReport* report, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
