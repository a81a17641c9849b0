#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "runtime/device/device.hpp"

struct CUstream_st;  // cudaStream_t is a pointer to it

namespace prophet {

struct CudaOptions {
  int ordinal = 0;                 ///< which GPU, as the driver counts them
  std::uint64_t memory_bytes = 0;  ///< cap on device memory; 0: what is free, less a reserve for workspaces
  bool batch_copies = true;        ///< copies that follow each other go as one cudaMemcpyBatchAsync
  bool time_operations = true;     ///< a pair of timed events around each operation; false: times() are zeros
  std::uint32_t experts = 0;       ///< of a layer, to name layer and expert in NVTX ranges; 0: not known
  /// Rows of one expert from which it is computed by cuBLAS instead of the few-token kernel; 0: never, and
  /// cuBLAS is not opened. None: by the roofline of the GPU's own clocks and widths.
  std::optional<std::uint32_t> crossover_rows;
  std::uint32_t host_cores = 0;  ///< of host_compute streams: see CpuOptions
};

/// What became of the memory that was asked for.
struct CudaMemoryReport {
  std::uint64_t device_bytes = 0;
  std::uint64_t pinned_bytes = 0;
  std::uint64_t pinned_excess_bytes = 0;  ///< mapped beyond that, because pages are whole
  std::uint64_t map_ns = 0;               ///< all mappings so far: mapping and touching
  std::uint64_t register_ns = 0;          ///< all cudaHostRegister so far
  std::uint64_t largest_bytes = 0;        ///< the largest pinned buffer so far, which the rest is about
  std::string pages;                      ///< "reserved 2 MiB pages", ...
  std::string numa;                       ///< "node 1 preferred", "bound to no node: ..."
};

/// The GPU's memory as CUDA counts it at the moment.
struct CudaMemoryNow {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;  ///< what neither contexts nor allocations, of any process, have taken
};

/// A Device that can say more.
class CudaDevice : public Device {
 public:
  [[nodiscard]] virtual CudaMemoryReport memory_report() const = 0;
  /// Asks CUDA anew on each call.
  [[nodiscard]] virtual CudaMemoryNow memory_now() = 0;
  /// Rows from which an expert operation on a compute stream goes to cuBLAS; none: it never does. The same as
  /// long as the device lives, so that an operation's way depends on its rows and on nothing else.
  [[nodiscard]] virtual std::optional<std::uint32_t> crossover_rows() const noexcept = 0;

  /// For kernels that are no operation of the seam: where the device sees the view, and the CUDA stream. All
  /// that was submitted to the stream so far has been handed to CUDA. Both are the device's own, and valid as
  /// long as the buffer and the stream are. Throw Error{usage} for what does not exist.
  [[nodiscard]] virtual void* address(BufferView view) = 0;
  [[nodiscard]] virtual CUstream_st* cuda_stream(StreamId stream) = 0;
};

/// A GPU through the CUDA runtime: docs/cuda.md tells how. Submission from any one thread at a time; the
/// device becomes current on it. `busy` and `blocked` times, and spans, come from events on the GPU's own
/// clock. A submission waits for the device only when a workspace grows or an operation brings more indices
/// than ever before, which the first steps do, and when the indices of unfinished operations fill a whole
/// ring.
///
/// Throws Error{no_device} with one sentence when this program was built without CUDA, or there is no driver,
/// no such GPU or it does not start; Error{usage} for an ordinal below 0.
[[nodiscard]] std::unique_ptr<CudaDevice> make_cuda_device(const CudaOptions& options);

}  // namespace prophet
