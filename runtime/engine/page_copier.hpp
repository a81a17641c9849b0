#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/device/handles.hpp"
#include "runtime/kv/kv_cache.hpp"
#include "runtime/memory/page_grid.hpp"

namespace prophet {

/// Where the pages of a PageGrid lie: slab s of the grid at s * slab_stride_bytes of the arena.
struct PageMemory {
  BufferView arena;
  std::uint64_t slab_stride_bytes = 0;
};

/// Carries out the page copies that the books of the KV cache ask for - out of a slab that goes back, for a
/// shared page that is written, to host slots and back - in the order in which they are asked for.
///
/// Stream order: pages are read and written by kernels on one compute stream and by the copies here, on a
/// stream of its own. Copies come behind everything that the compute stream had been given when they were
/// submitted; order_compute() lets what the compute stream is given next come behind them.
/// A refusal loses nothing: what the device would not take stays queued, in order, for the next submit().
///
/// The host never waits. One host thread. Allocates after construction only for more queued copies than
/// queued_min, or than ever before. Owns the host slots; the device, the arena and the compute stream must
/// outlive it.
class PageCopier {
 public:
  /// Of so many copies, or of all pages of a slab if they are more, the queue has room from the start.
  static constexpr std::uint32_t queued_min = 1U << 14;

  /// Allocates `host_slots` pages of pinned host memory to swap to. Throws Error{usage} when the grid does
  /// not fit the memory, and what the device throws.
  PageCopier(Device& device, const PageMemory& memory, const PageGrid& grid, std::uint32_t host_slots,
             StreamId compute);
  /// Waits until the device has finished with the pages; quiet when the device is lost.
  ~PageCopier();
  PageCopier(const PageCopier&) = delete;
  PageCopier& operator=(const PageCopier&) = delete;

  /// Queue copies; submit() hands them to the device.
  void add(std::span<const PageCopy> copies);
  void add_to_host(std::span<const KvSwap> swaps);
  void add_from_host(std::span<const KvSwap> swaps);
  /// Hands queued copies to the device. When it refuses one, throws, and that one and all behind it stay
  /// queued.
  void submit();
  /// Takes back what is queued. REQUIRES: it belongs to books that have not been changed for it.
  void forget_queued() noexcept;

  /// What is submitted to the compute stream from now on comes behind the copies submitted so far, and behind
  /// what stream() waited for before note_lent(). Costs nothing when that is so already. When the device
  /// refuses, throws, and the next call tries again.
  void order_compute();
  /// stream() waits for what the compute stream has been given so far.
  void order_behind_compute();
  /// Pages whose earlier users stream() waits for are about to be used on the compute stream.
  void note_lent() noexcept { compute_is_behind_ = false; }

  /// Copies so far, neighbouring pages that go as one counted once.
  [[nodiscard]] std::uint64_t asked() const noexcept { return submitted_ + (queue_.size() - next_); }
  [[nodiscard]] std::uint64_t submitted() const noexcept { return submitted_; }
  [[nodiscard]] bool is_idle() const noexcept { return next_ == queue_.size(); }
  [[nodiscard]] std::uint64_t copied_bytes() const noexcept { return copied_bytes_; }

  [[nodiscard]] StreamId stream() const noexcept { return stream_.id(); }
  [[nodiscard]] BufferView page(PageId page) const noexcept {
    return memory_.arena.slice(grid_.offset_bytes(page, memory_.slab_stride_bytes), grid_.page_bytes);
  }
  /// REQUIRES: slot below host_slots.
  [[nodiscard]] BufferView host_slot(HostSlotId slot) const noexcept {
    return host_.view().slice(slot.value * grid_.page_bytes, grid_.page_bytes);
  }

 private:
  struct Copy {
    BufferView destination;
    BufferView source;
  };

  void add(BufferView destination, BufferView source);

  Device& device_;
  PageMemory memory_;
  PageGrid grid_;
  StreamId compute_;
  Buffer host_;  ///< [host_slots, page_bytes]
  Stream stream_;
  Event compute_done_;
  Event copied_;
  std::vector<Copy> queue_;
  std::size_t next_ = 0;  ///< of queue_: what lies before it is submitted
  std::uint64_t submitted_ = 0;
  std::uint64_t copied_bytes_ = 0;
  bool compute_is_behind_ = true;
};

}  // namespace prophet
