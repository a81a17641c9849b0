#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "runtime/device/cuda/device_memory.hpp"
#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

enum class HugePages : std::uint8_t { reserved, transparent, none, as_cuda_chose };

/// Static storage: "reserved 2 MiB pages", ...
[[nodiscard]] const char* huge_pages_name(HugePages pages) noexcept;

/// How one host_pinned allocation came about.
struct PinnedReport {
  std::uint64_t asked_bytes = 0;
  std::uint64_t mapped_bytes = 0;  ///< excess over asked_bytes is less than a page
  HugePages pages = HugePages::none;
  std::optional<int> numa_node;  ///< the node that its pages prefer
  std::string remark;            ///< why it is bound to no node; empty when it is
  std::uint64_t map_ns = 0;      ///< to map it and to touch every page
  std::uint64_t register_ns = 0;
};

/// Owns zeroed host memory of exactly the asked size, rounded up to whole pages, that the GPU reaches at full
/// rate: mapped, given the GPU's NUMA node, touched, then registered with CUDA. cudaHostAlloc would choose
/// the node by whichever thread asks and cannot give huge pages; it is taken where CUDA registers nothing, as
/// on some virtual machines. Move-only; a moved-from owner is empty.
class PinnedMemory {
 public:
  PinnedMemory() = default;
  /// `size_bytes` is not 0. Throws Error{out_of_memory} when the host has not that much left or CUDA cannot
  /// pin it; then nothing stays mapped.
  PinnedMemory(std::uint64_t size_bytes, std::optional<int> numa_node, Status& status);
  PinnedMemory(PinnedMemory&& other) noexcept { swap(other); }
  PinnedMemory& operator=(PinnedMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  /// REQUIRES: no submitted operation uses it any more. After the loss of the device the memory stays mapped
  /// until the process ends: what the device still does to it nobody can ask.
  ~PinnedMemory();

  [[nodiscard]] std::byte* data() const noexcept { return data_ != nullptr ? data_ : by_cuda_.data(); }
  /// The same bytes as kernels see them.
  [[nodiscard]] std::byte* device_data() const noexcept { return device_data_; }
  [[nodiscard]] const PinnedReport& report() const noexcept { return report_; }

 private:
  void swap(PinnedMemory& other) noexcept;
  void map_touched(std::optional<int> numa_node);
  void unmap() noexcept;
  [[nodiscard]] cudaError_t register_with_cuda();
  void allocate_by_cuda(cudaError_t refusal);

  Status* status_ = nullptr;
  MappedMemory by_cuda_;  // empty: mapped and registered here
  std::byte* data_ = nullptr;
  std::byte* device_data_ = nullptr;
  PinnedReport report_;
};

}  // namespace prophet::cuda
