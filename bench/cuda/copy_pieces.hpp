#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/measure/measurements.hpp"
#include "runtime/device/cuda/pinned_memory.hpp"

namespace prophet::measure {

/// One row's copies: as CUDA takes them.
struct CopyPieces {
  std::vector<void*> destinations;
  std::vector<const void*> sources;
  std::vector<std::size_t> sizes;
};

/// The place that piece i of n goes to: each as far from its neighbour's as fits, so that neither CUDA nor
/// the hardware can make one copy of two.
[[nodiscard]] std::uint32_t place_of(std::uint32_t piece, std::uint32_t count) noexcept;

/// row.copies equal pieces. `host` and `device` hold row.bytes each.
[[nodiscard]] CopyPieces cut(std::byte* host, std::byte* device, const CopyRow& row, std::uint32_t copies);

/// One cudaMemcpyAsync a piece.
[[nodiscard]] cudaError_t submit_plain(const CopyPieces& pieces, cudaStream_t stream);
/// One cudaMemcpyBatchAsync, as the cuda device submits its own.
[[nodiscard]] cudaError_t submit_batch(const CopyPieces& pieces, cudaStream_t stream);

/// Whether `arrived` is `sent` with its pieces where cut() puts them.
[[nodiscard]] bool is_reordered(const std::byte* sent, const std::byte* arrived, const CopyRow& row);

/// "reserved 2 MiB pages, NUMA node 1".
[[nodiscard]] std::string describe(const cuda::PinnedReport& report);

}  // namespace prophet::measure
