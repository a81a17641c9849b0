#pragma once

#include <unordered_map>

#include "runtime/device/decorators/forwarding_device.hpp"

namespace prophet {

/// Caps the device memory of the device that it wraps, as a smaller accelerator would: an allocation of
/// MemoryKind::device beyond the cap is Error{out_of_memory} and never reaches the wrapped device. Pinned
/// host memory is not counted. info().memory_bytes is the smaller of the two capacities.
class LimitedDevice final : public ForwardingDevice {
 public:
  LimitedDevice(std::unique_ptr<Device> inner, std::uint64_t memory_bytes);

  [[nodiscard]] const DeviceInfo& info() const noexcept override { return info_; }
  [[nodiscard]] BufferView allocate(MemoryKind kind, std::uint64_t size_bytes) override;
  void free(BufferView whole) noexcept override;

  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return used_bytes_; }

 private:
  DeviceInfo info_;
  std::uint64_t used_bytes_ = 0;  // sum over counted_
  std::unordered_map<BufferId, std::uint64_t> counted_;
};

}  // namespace prophet
