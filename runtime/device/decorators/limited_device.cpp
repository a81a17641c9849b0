#include "runtime/device/decorators/limited_device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "prophet/error.hpp"

namespace prophet {

LimitedDevice::LimitedDevice(std::unique_ptr<Device> inner_device, std::uint64_t memory_bytes)
    : ForwardingDevice(std::move(inner_device)), info_(inner().info()) {
  info_.memory_bytes = std::min(info_.memory_bytes, memory_bytes);
}

BufferView LimitedDevice::allocate(MemoryKind kind, std::uint64_t size_bytes) {
  if (kind != MemoryKind::device) return inner().allocate(kind, size_bytes);
  const std::uint64_t left_bytes = info_.memory_bytes - used_bytes_;
  if (size_bytes > left_bytes) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("allocate: {} bytes of device memory were asked for, {} of the {} that {} is "
                            "limited to are left",
                            size_bytes, left_bytes, info_.memory_bytes, info_.name));
  }
  counted_.reserve(counted_.size() + 1);
  const BufferView whole = inner().allocate(kind, size_bytes);
  try {
    counted_.emplace(whole.buffer, size_bytes);
  } catch (...) {
    inner().free(whole);
    throw;
  }
  used_bytes_ += size_bytes;
  return whole;
}

void LimitedDevice::free(BufferView whole) noexcept {
  inner().free(whole);
  const auto found = counted_.find(whole.buffer);
  if (found == counted_.end() || found->second != whole.size_bytes) return;
  used_bytes_ -= found->second;
  counted_.erase(found);
}

}  // namespace prophet
