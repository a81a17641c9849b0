#include "runtime/device/cuda/memory_table.hpp"

#include <fmt/format.h>

#include <utility>

namespace prophet::cuda {
namespace {

void add(CudaMemoryReport& to, const PinnedReport& pinned) {
  to.pinned_bytes += pinned.asked_bytes;
  to.pinned_excess_bytes += pinned.mapped_bytes - pinned.asked_bytes;
  to.map_ns += pinned.map_ns;
  to.register_ns += pinned.register_ns;
  if (pinned.asked_bytes < to.largest_bytes) return;
  to.largest_bytes = pinned.asked_bytes;
  to.pages = huge_pages_name(pinned.pages);
  to.numa = pinned.numa_node ? fmt::format("node {} preferred", *pinned.numa_node)
                             : fmt::format("bound to no node: {}", pinned.remark);
}

}  // namespace

BufferView MemoryTable::allocate(MemoryKind kind, std::uint64_t size_bytes) {
  buffers_.check_room(kind, size_bytes);
  owned_.reserve(owned_.size() + 2);
  Owned owned;
  if (kind == MemoryKind::device) {
    owned.device = DeviceMemory(size_bytes, status_, "allocate: device memory");
  } else {
    owned.pinned = PinnedMemory(size_bytes, numa_node_, status_);
  }
  std::byte* const data = kind == MemoryKind::device ? owned.device.data() : owned.pinned.data();
  const BufferView view = buffers_.add(kind, size_bytes, data);
  if (kind == MemoryKind::host_pinned) add(report_, owned.pinned.report());
  report_.device_bytes += owned.device.size_bytes();
  if (owned_.size() <= view.buffer.index()) owned_.resize(view.buffer.index() + 1);
  owned_[view.buffer.index()] = std::move(owned);
  return view;
}

void MemoryTable::free(BufferView whole) noexcept {
  if (!buffers_.remove(whole)) return;
  const Owned leaving = std::move(owned_[whole.buffer.index()]);
  report_.pinned_bytes -= leaving.pinned.report().asked_bytes;
  report_.pinned_excess_bytes -= leaving.pinned.report().mapped_bytes - leaving.pinned.report().asked_bytes;
  report_.device_bytes -= leaving.device.size_bytes();
}

std::span<std::byte> MemoryTable::host_bytes(BufferView view) {
  if (buffers_.check(view, "host_bytes: the view").kind != MemoryKind::host_pinned) {
    throw Error(ErrorCode::usage, fmt::format("host_bytes: buffer {} is device memory, expected host_pinned",
                                              view.buffer.value));
  }
  return {buffers_.data(view), static_cast<std::size_t>(view.size_bytes)};
}

std::byte* MemoryTable::device_data(BufferView view) const noexcept {
  const Owned& owned = owned_[view.buffer.index()];
  std::byte* const whole =
      buffers_.kind(view) == MemoryKind::device ? owned.device.data() : owned.pinned.device_data();
  return whole + view.offset_bytes;
}

float* MemoryTable::floats(BufferView view, const char* what) const {
  if (view.offset_bytes % alignof(float) != 0) {
    throw Error(ErrorCode::usage,
                fmt::format("{} begins at offset {} of buffer {}, expected a multiple of {}", what,
                            view.offset_bytes, view.buffer.value, alignof(float)));
  }
  return reinterpret_cast<float*>(device_data(view));
}

CudaMemoryReport MemoryTable::report() const {
  return report_;
}

}  // namespace prophet::cuda
