#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/page.hpp"

namespace prophet::kernels::cuda {

/// kernels::page_fill on the device (see kernels/page.hpp for the pattern).
///
/// slabs in device memory, aligned to 16 bytes; pages [count] and ids [count] in memory that the device
/// reads. That the pages lie within `slabs` is the caller's affair. Writes count * page_bytes, 16 bytes at
/// once; about 1.5 integer operations a byte: bound by memory. One launch; allocates nothing.
/// cudaErrorInvalidValue for a null or misaligned pointer, an invalid grid, or more than 2^31 - 1 tiles of 16
/// KiB; no pages: nothing is launched.
[[nodiscard]] cudaError_t page_fill(void* slabs, const PageGrid& grid, const std::uint32_t* pages,
                                    const std::uint32_t* ids, std::uint32_t count, std::uint64_t seed,
                                    cudaStream_t stream) noexcept;

/// kernels::page_verify on the device: first_wrong [1] in device memory, written in stream order. Reads
/// count * page_bytes, 16 bytes at once: bound by memory. A memset and a launch; else as page_fill, but with
/// no pages first_wrong is written all the same.
[[nodiscard]] cudaError_t page_verify(const void* slabs, const PageGrid& grid, const std::uint32_t* pages,
                                      const std::uint32_t* ids, std::uint32_t count, std::uint64_t seed,
                                      std::uint64_t* first_wrong, cudaStream_t stream) noexcept;

/// kernels::page_move on the device, all moves in one launch: moves [count] in memory that the device reads.
/// No page may be the destination of two moves, or of one and the source of another. Reads and writes count *
/// page_bytes, 16 bytes at once: bound by memory. Else as page_fill.
[[nodiscard]] cudaError_t page_move(void* slabs, const PageGrid& grid, const PageMove* moves,
                                    std::uint32_t count, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
