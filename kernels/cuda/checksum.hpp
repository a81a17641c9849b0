#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace prophet::kernels::cuda {

/// Where verify() reports, in mapped pinned host memory. The host zeroes it before the first verify() that
/// may write to it. Of many mismatches, of any streams of one device, only the first that is found is
/// reported: `claimed` is taken by an atomic operation of device scope, which CUDA's memory model makes
/// atomic among the threads of one device wherever the memory lies. (Only atomics between device and host
/// would need hostNativeAtomicSupported; the host only reads `written`, and zeroes.)
struct VerifyReport {
  std::uint32_t claimed;  ///< for the device: whether a mismatch has been found
  std::uint32_t written;  ///< 1 once all below is there; the host may watch it
  std::uint64_t tag;      ///< as the caller gave it to verify()
  std::uint64_t expected;
  std::uint64_t found;
};

/// kernels::checksum on the device (see kernels/checksum.hpp for the formula): *result is the checksum of the
/// bytes.
///
/// bytes [size] in memory that the device reads, aligned to 16 bytes; result [1] in device memory, written in
/// stream order and used for partial sums before. Three submissions: a memset, a block per 16 KiB, one
/// thread. Reads every byte once, with 16-byte loads; about 2 integer operations a byte: bound by memory.
/// Allocates nothing. cudaErrorInvalidValue for a null or misaligned pointer or more than 2^31 - 1 chunks.
[[nodiscard]] cudaError_t checksum(const void* bytes, std::uint64_t size, std::uint64_t* result,
                                   cudaStream_t stream) noexcept;

/// Compares the bytes' checksum with `expected`, as checksum() computes it; if they differ, reports it in
/// `report` with `tag`. sum [1] in device memory, for the checksum; two calls that may run at once need two
/// of them. What was found lies in *sum afterwards in either case. The same bytes moved, bound and errors as
/// checksum().
[[nodiscard]] cudaError_t verify(const void* bytes, std::uint64_t size, std::uint64_t expected,
                                 std::uint64_t tag, std::uint64_t* sum, VerifyReport* report,
                                 cudaStream_t stream) noexcept;

/// The slabs of a layer as a resolve kernel lists them, in device memory and read in stream order when the
/// kernels run. A slab that is null is left out. Each begins on 16 bytes.
struct SlabList {
  const void* const* slabs = nullptr;      ///< [*count]
  const std::uint32_t* experts = nullptr;  ///< [*count]: which expert of the layer each should hold
  const std::uint32_t* count = nullptr;    ///< [1]
  std::uint32_t count_max = 0;             ///< slabs beyond it are not verified
};

/// verify() for every slab of a list, `size` bytes each: slabs[i] against expected[experts[i]], with the tag
/// first_tag + experts[i]. Nothing depends on what the host knows, so a captured graph may replay it.
///
/// expected [experts of the layer] and sums [count_max] in device memory; two calls that may run at once need
/// two of the latter. Three submissions, the grid that of count_max slabs. Bytes, bound and errors as
/// checksum(), and cudaErrorInvalidValue for a count_max beyond 65,535.
[[nodiscard]] cudaError_t verify_list(const SlabList& list, std::uint64_t size, const std::uint64_t* expected,
                                      std::uint64_t first_tag, std::uint64_t* sums, VerifyReport* report,
                                      cudaStream_t stream) noexcept;

/// Copies source [size] to destination [size], which must not overlap, and leaves the checksum of what was
/// read in *result. Both may be any memory that the device can access, aligned to 16 bytes. Reads and writes
/// every byte once, with 16-byte accesses: bound by memory. Else as checksum().
[[nodiscard]] cudaError_t copy_with_checksum(void* destination, const void* source, std::uint64_t size,
                                             std::uint64_t* result, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
