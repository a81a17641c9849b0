#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/device/device.hpp"

namespace prophet {

/// The live allocations of one device: counts them against its capacity, and checks every view that a caller
/// passes in before anything is done with it.
///
/// Invariants: a BufferId is never given out twice, so a stale view is always recognised; id 0 is never given
/// out, so BufferView{} is never valid; the device bytes in use never exceed memory_bytes.
/// Thread safety: none; belongs to the thread that calls the device.
class BufferTable {
 public:
  struct Entry {
    std::uint64_t size_bytes = 0;
    std::byte* data = nullptr;  ///< where the device keeps the bytes, if it has any; not owned
    MemoryKind kind = MemoryKind::device;
    bool live = false;
  };

  explicit BufferTable(std::uint64_t memory_bytes) : memory_bytes_(memory_bytes) { entries_.emplace_back(); }

  /// Throws what `add` would throw, and changes nothing.
  void check_room(MemoryKind kind, std::uint64_t size_bytes) const;

  /// Enters an allocation and returns its whole view. Throws Error{usage} for 0 bytes, Error{out_of_memory}
  /// naming the asked and the free bytes when device memory has no room for it.
  [[nodiscard]] BufferView add(MemoryKind kind, std::uint64_t size_bytes, std::byte* data = nullptr);

  /// Takes the allocation out. False, with nothing changed, when `whole` is not what `add` returned.
  bool remove(BufferView whole) noexcept;

  /// The allocation that holds `view`. Throws Error{usage} whose sentence begins with `what` ("copy: the
  /// source") when the buffer is not allocated or the view reaches beyond it. Empty views are allowed.
  const Entry& check(BufferView view, const char* what) const {
    if (!holds(view)) refuse(view, what);
    return entries_[view.buffer.index()];
  }

  /// True when `check` would not throw.
  [[nodiscard]] bool has(BufferView view) const noexcept { return holds(view); }

  /// What the view's first byte is at. REQUIRES: the view has been checked and the device keeps bytes.
  [[nodiscard]] std::byte* data(BufferView view) const noexcept {
    return entries_[view.buffer.index()].data + view.offset_bytes;
  }

  /// REQUIRES: the view has been checked.
  [[nodiscard]] MemoryKind kind(BufferView view) const noexcept { return entries_[view.buffer.index()].kind; }

  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return used_bytes_; }
  [[nodiscard]] std::uint64_t free_bytes() const noexcept { return memory_bytes_ - used_bytes_; }

 private:
  [[nodiscard]] bool holds(BufferView view) const noexcept {
    if (view.buffer.index() >= entries_.size()) return false;
    const Entry& entry = entries_[view.buffer.index()];
    return entry.live && view.offset_bytes <= entry.size_bytes &&
           view.size_bytes <= entry.size_bytes - view.offset_bytes;
  }
  [[noreturn]] void refuse(BufferView view, const char* what) const;

  std::vector<Entry> entries_;  // by BufferId
  std::uint64_t memory_bytes_;
  std::uint64_t used_bytes_ = 0;
};

/// Checks the two views of Device::copy: both valid, of equal size. Throws Error{usage}.
void check_copy(const BufferTable& buffers, BufferView destination, BufferView source);

/// Checks the views and shapes of an operation as runtime/device/device.hpp and model_ops.hpp state them.
/// Throws Error{usage}. A DenseOp without weights may carry BufferView{}; ExpertOp::source is looked at only
/// with `verify`.
void check_compute_op(const BufferTable& buffers, const ComputeOp& op);

/// Checks that a stream of `role` takes the operation, which check_compute_op has passed: on one of
/// host_compute an expert all of whose bytes the host can reach. Throws Error{usage}.
void check_stream_takes(const BufferTable& buffers, StreamRole role, const ComputeOp& op);

/// Whether the accelerator reads an expert's weights over the link while it computes. REQUIRES: as above.
[[nodiscard]] bool reads_in_place(const BufferTable& buffers, StreamRole role, const ComputeOp& op) noexcept;

}  // namespace prophet
