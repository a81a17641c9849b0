#include "runtime/engine/page_copier.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

/// Neighbouring pages go as one copy up to this size, so that an expert's copy does not wait long behind one.
constexpr std::uint64_t run_bytes_max = 2ULL << 20;

const PageMemory& checked(const PageMemory& memory, const PageGrid& grid) {
  const std::uint64_t used_bytes = checked_mul(grid.pages_per_slab, grid.page_bytes, "pages of a slab");
  if (used_bytes <= memory.slab_stride_bytes &&
      checked_mul(grid.slabs, memory.slab_stride_bytes, "slabs") <= memory.arena.size_bytes)
    return memory;
  throw Error(ErrorCode::usage,
              fmt::format("pages of {} slabs of {} bytes with {} bytes of pages do not fit an arena of {} "
                          "bytes: expected the arena's own grid",
                          grid.slabs, memory.slab_stride_bytes, used_bytes, memory.arena.size_bytes));
}

Buffer host_memory(Device& device, std::uint64_t size_bytes) {
  return size_bytes == 0 ? Buffer() : Buffer(device, MemoryKind::host_pinned, size_bytes);
}

bool follows(BufferView first, BufferView second) {
  return first.buffer == second.buffer && first.offset_bytes + first.size_bytes == second.offset_bytes;
}

bool overlap(BufferView a, BufferView b) {
  return a.buffer == b.buffer && a.offset_bytes < b.offset_bytes + b.size_bytes &&
         b.offset_bytes < a.offset_bytes + a.size_bytes;
}

}  // namespace

PageCopier::PageCopier(Device& device, const PageMemory& memory, const PageGrid& grid,
                       std::uint32_t host_slots, StreamId compute)
    : device_(device),
      memory_(checked(memory, grid)),
      grid_(grid),
      compute_(compute),
      host_(host_memory(device, checked_mul(host_slots, grid.page_bytes, "host slots"))),
      stream_(device, StreamRole::prefetch_copy),
      compute_done_(device),
      copied_(device) {
  queue_.reserve(std::max(queued_min, grid.pages_per_slab));
  if (host_slots > 0) device.declare_units(host_.view(), grid.page_bytes, grid.page_bytes);
}

PageCopier::~PageCopier() {
  try {
    device_.synchronize();
  } catch (const Error&) {
    // The device is lost and does nothing any more, or an operation failed, which its next user hears.
  }
}

void PageCopier::add(std::span<const PageCopy> copies) {
  for (const PageCopy& copy : copies) add(page(copy.to), page(copy.from));
}

void PageCopier::add_to_host(std::span<const KvSwap> swaps) {
  for (const KvSwap& swap : swaps) add(host_slot(swap.slot), page(swap.page));
}

void PageCopier::add_from_host(std::span<const KvSwap> swaps) {
  for (const KvSwap& swap : swaps) add(page(swap.page), host_slot(swap.slot));
}

void PageCopier::add(BufferView destination, BufferView source) {
  if (!is_idle()) {
    Copy& last = queue_.back();
    Copy longer = last;
    longer.destination.size_bytes += destination.size_bytes;
    longer.source.size_bytes += source.size_bytes;
    if (follows(last.destination, destination) && follows(last.source, source) &&
        longer.source.size_bytes <= run_bytes_max && !overlap(longer.destination, longer.source)) {
      last = longer;
      return;
    }
  }
  queue_.push_back({destination, source});
}

void PageCopier::submit() {
  if (is_idle()) return;
  order_behind_compute();
  for (; next_ < queue_.size(); ++next_) {
    const Copy& copy = queue_[next_];
    device_.copy(stream_.id(), copy.destination, copy.source, submitted_);
    ++submitted_;
    copied_bytes_ += copy.source.size_bytes;
    compute_is_behind_ = false;
  }
  forget_queued();
}

void PageCopier::forget_queued() noexcept {
  queue_.clear();
  next_ = 0;
}

void PageCopier::order_compute() {
  if (compute_is_behind_) return;
  device_.record(stream_.id(), copied_.id());
  device_.wait(compute_, copied_.id());
  compute_is_behind_ = true;
}

void PageCopier::order_behind_compute() {
  device_.record(compute_, compute_done_.id());
  device_.wait(stream_.id(), compute_done_.id());
}

}  // namespace prophet
