#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/cuda_on_cpu/simt/warp_operation.hpp"

/// What the headers of the device language (language/) ask of the executor on behalf of the calling CUDA
/// thread. Everything here ends the process when called outside of a kernel or against CUDA's rules.
namespace prophet::simt {

enum class BarrierKind : std::uint8_t { plain, count, all, any };

/// __syncthreads and its variants: the number of threads whose predicate holds, or whether all or any does.
int synchronise_block(BarrierKind kind, bool predicate, const char* file, unsigned line);

/// A warp primitive over the lanes of `mask`; the result's meaning is the kind's.
std::uint64_t synchronise_warp(WarpOperationKind kind, unsigned mask, std::uint64_t bits,
                               unsigned source_lane, const char* file, unsigned line);

[[nodiscard]] unsigned current_lane();

/// cp.async: see AsyncCopies. `bytes` is 4, 8 or 16.
void issue_copy(void* shared, const void* global, std::size_t bytes, std::size_t zero_fill_bytes);
void commit_copies();
void wait_for_copies(std::size_t groups_left);

/// __threadfence of any scope.
void fence();
/// Lets other threads of the block run.
void pause();
/// The same now and then, and only where the order of threads is random: atomics are where order shows.
void preempt();
[[noreturn]] void device_failure(const char* what);

}  // namespace prophet::simt
