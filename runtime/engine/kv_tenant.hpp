#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "prophet/ids.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/engine/page_copier.hpp"
#include "runtime/kv/kv_cache.hpp"
#include "runtime/transfer/slab_lender.hpp"

namespace prophet {

/// What became of a wish to give a slab back to the experts.
enum class KvReclaimed : std::uint8_t {
  taken_back,  ///< the slab is the expert cache's again
  under_way,   ///< its live pages are being moved; a later pump() gives it back
  deferred,    ///< a running step uses it, or leaving_max slabs are on their way: ask again
  no_room,     ///< the other lent slabs cannot take what is live there
};

struct KvTenantOptions {
  std::uint32_t leaving_max = 4;  ///< slabs whose pages are being moved at once; at least 1
};

/// The KV cache as a tenant of the experts' arena, on a device: what KvCache and BlockPool decide in integers
/// happens here to bytes. Slabs come and go through a SlabLender; pages of a slab that goes are moved, shared
/// pages that are written are copied, swapped pages go to pinned host memory and back, all by PageCopier.
///
/// The life of a step, on one host thread:
///   append, swap, lend, reclaim   between steps, with the copies that they ask for
///   begin_step                    the compute stream comes behind all of these
///   kernels on the compute stream that read and write pages which sequences had at begin_step
///   end_step                      once the last of them is submitted, or later
/// A call in the middle of a step is allowed: copies that it asks for are kept until the next step begins, so
/// that no page changes under a kernel of the step that is still to be submitted. A slab that a running step
/// uses is not reclaimed.
///
/// Errors: a call that throws has changed nothing, and may be tried again, unless it says otherwise. Once the
/// books have changed, what the device refuses is kept and comes, in order, before anything else: begin_step
/// throws until the device takes it. Nothing is ever read from, or written to, a page that is not there yet.
/// The host never waits. Allocates after construction only as PageCopier does.
/// Everything passed to the constructor must outlive it.
class KvTenant {
 public:
  /// Host slots are as many as kv.options() says. Throws Error{usage} when the KV cache's grid does not fit
  /// the arena or leaving_max is 0, and what the device throws.
  KvTenant(Device& device, ExpertCache& experts, TransferQueue& transfers, KvCache& kv,
           const PageMemory& memory, StreamId compute, const KvTenantOptions& options = {});
  KvTenant(const KvTenant&) = delete;
  KvTenant& operator=(const KvTenant&) = delete;

  // --- The boundary. Not for the token path.

  /// One slab more for the KV cache; its pages can be had at once. Nothing when the expert cache can spare
  /// none. experts.evicted_by_lend() says what had to leave: cancel its copies, also when this has thrown.
  std::optional<SlabId> lend();
  /// Gives `slab` back, if its live pages find room elsewhere: blocks name their new pages at once, and the
  /// slab is given back when the moves are done. Throws Error{check_failed} when the slab is not lent.
  KvReclaimed reclaim(SlabId slab);
  /// Gives back the slabs whose moves the device has finished; cheap when there are none. Returns how many.
  /// Throws when the device refuses; what it has given back stays so.
  std::uint32_t pump();
  /// Slabs whose moves are under way: neither tenant can use them yet.
  [[nodiscard]] std::uint32_t leaving() const noexcept { return leaving_count_; }

  // --- What KvCache asks for. Call at once, with the span that it has returned.

  /// KvAppended::copies.
  void copy(std::span<const PageCopy> copies);
  /// KvCache::swap_out.
  void swap_out(std::span<const KvSwap> swaps);
  /// KvCache::swap_in.
  void swap_in(std::span<const KvSwap> swaps);

  // --- Steps: see BlockPool.

  /// Kernels of `step` may be submitted to the compute stream: it comes behind every copy so far. When the
  /// device refuses, throws, and the step has not begun.
  void begin_step(std::uint64_t step);
  /// All kernels of `step` have been submitted.
  void end_step(std::uint64_t step);

  /// Where a page lies now.
  [[nodiscard]] BufferView page(PageId page) const noexcept { return copier_.page(page); }
  /// Whether copies are kept for the next step, or were refused.
  [[nodiscard]] bool has_queued_copies() const noexcept { return !copier_.is_idle(); }
  [[nodiscard]] std::uint64_t copied_bytes() const noexcept { return copier_.copied_bytes(); }
  /// Live pages that had to go elsewhere for a slab to be given back.
  [[nodiscard]] std::uint64_t moved_pages() const noexcept { return moved_pages_; }
  [[nodiscard]] StreamId stream() const noexcept { return copier_.stream(); }

 private:
  /// A slab on its way back. Its moves are the copies before `last`.
  struct Leaving {
    Event moved;
    std::optional<SlabId> slab;  ///< nothing: the place is free
    std::uint64_t last = 0;
    bool recorded = false;
  };

  [[nodiscard]] static std::vector<Leaving> places(Device& device, std::uint32_t leaving_max);
  [[nodiscard]] Leaving* free_place() noexcept;
  void give_back_empty(SlabId slab);
  void move_pages(SlabId slab, std::span<const PageCopy> moves, Leaving& place);
  [[nodiscard]] bool has_moved(Leaving& one);
  void submit_if_idle() noexcept;

  Device& device_;
  KvCache& kv_;
  std::vector<Leaving> leaving_;  ///< [leaving_max]
  std::uint32_t leaving_count_ = 0;
  std::uint64_t moved_pages_ = 0;
  SlabLender lender_;
  PageCopier copier_;  ///< goes first, and waits for the device
};

}  // namespace prophet
