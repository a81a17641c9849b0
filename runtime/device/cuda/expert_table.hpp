#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "runtime/device/cuda/device_memory.hpp"
#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

/// On the device: which slab each expert of the model lies in, at an address that never changes, so that a
/// captured graph reads what is true when it runs. The host changes its own copy; publish() sends what has
/// changed as one copy in stream order, before the kernels that read it.
///
/// Thread safety: none; belongs to the thread that calls the device.
class ExpertTable {
 public:
  /// `experts` of the whole model, none of which has a slab. Throws Error{out_of_memory}.
  ExpertTable(std::uint32_t experts, Status& status);

  /// Takes effect with the next publish(). REQUIRES: the expert exists, and the latest publish() has
  /// finished.
  void set(std::uint32_t expert, std::uint32_t slab) noexcept;
  void clear(std::uint32_t expert) noexcept;
  void publish(cudaStream_t stream);

  [[nodiscard]] std::uint32_t experts() const noexcept { return experts_; }
  /// [experts] in device memory: a slab, or kernels::no_slab.
  [[nodiscard]] const std::uint32_t* entries() const noexcept {
    return reinterpret_cast<const std::uint32_t*>(entries_.data());
  }

 private:
  Status& status_;
  std::uint32_t experts_;
  DeviceMemory entries_;
  MappedMemory own_;  // [experts], pinned: what entries_ will hold
  std::uint32_t changed_begin_ = 0;
  std::uint32_t changed_end_;
};

}  // namespace prophet::cuda
