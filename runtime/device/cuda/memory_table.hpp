#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/device/buffer_table.hpp"
#include "runtime/device/cuda/device_memory.hpp"
#include "runtime/device/cuda/pinned_memory.hpp"
#include "runtime/device/cuda/status.hpp"
#include "runtime/device/cuda_device.hpp"

namespace prophet::cuda {

/// The buffers of the seam: what checks their views, and what owns their bytes.
/// Thread safety: none; belongs to the thread that calls the device.
class MemoryTable {
 public:
  MemoryTable(std::uint64_t memory_bytes, std::optional<int> numa_node, Status& status)
      : buffers_(memory_bytes), numa_node_(numa_node), status_(status) {}

  [[nodiscard]] BufferView allocate(MemoryKind kind, std::uint64_t size_bytes);
  void free(BufferView whole) noexcept;
  /// Throws Error{usage} for a view that is not valid or not pinned.
  [[nodiscard]] std::span<std::byte> host_bytes(BufferView view);

  [[nodiscard]] const BufferTable& buffers() const noexcept { return buffers_; }
  /// What kernels and copies know the view's first byte by. REQUIRES: the view has been checked.
  [[nodiscard]] std::byte* device_data(BufferView view) const noexcept;
  /// The same for fp32 values; throws Error{usage}, naming `what`, for an offset that is no multiple of 4.
  [[nodiscard]] float* floats(BufferView view, const char* what) const;
  [[nodiscard]] CudaMemoryReport report() const;

 private:
  struct Owned {
    PinnedMemory pinned;
    DeviceMemory device;
  };

  BufferTable buffers_;
  std::optional<int> numa_node_;
  Status& status_;
  std::vector<Owned> owned_;  // by BufferId
  CudaMemoryReport report_;
};

}  // namespace prophet::cuda
