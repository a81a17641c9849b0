#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "prophet/ids.hpp"

namespace prophet {

/// A request of the run, in the order of arrival.
using RequestId = Id<struct RequestTag>;

/// The KV cache's side of the memory as the serving engine sees it: slabs come and go, requests hold tokens.
/// Behind it stand the books (runtime/kv) and the copies that they ask for. When the device has not the
/// memory for a call, it throws Error{out_of_memory} and has changed nothing. One thread.
class KvSpace {
 public:
  virtual ~KvSpace() = default;

  /// A slab more, from the experts; false when they can spare none.
  [[nodiscard]] virtual bool lend() = 0;
  /// Gives a slab back: it is no longer ours, and the experts' as soon as what lives there has been moved.
  /// False when that has no other place, or too many slabs are on their way.
  [[nodiscard]] virtual bool take_back() = 0;
  /// Slabs on their way whose moves the device has finished arrive. Cheap when there are none.
  virtual void pump() = 0;
  /// Waits for the device, and until all of them have.
  virtual void settle() = 0;
  /// Live pages that slabs on their way have cost so far.
  [[nodiscard]] virtual std::uint64_t moved_pages() const noexcept = 0;

  /// How many tokens at the start of `tokens` are there already; less than tokens.size().
  [[nodiscard]] virtual std::uint32_t find_prefix(std::span<const std::uint32_t> tokens) const = 0;
  /// Begins a request whose first tokens these are: shares what is there already, then takes pages for the
  /// next `chunk` of them, all or none. Returns how many are shared, or nothing when there is no room.
  [[nodiscard]] virtual std::optional<std::uint32_t> admit(RequestId request,
                                                           std::span<const std::uint32_t> tokens,
                                                           std::uint32_t chunk) = 0;
  /// Pages for these tokens behind the request's others; false, and nothing changes, when there is no room.
  [[nodiscard]] virtual bool append(RequestId request, std::span<const std::uint32_t> tokens) = 0;
  /// The request ends, or is preempted to be computed again. What others can share stays until its pages are
  /// needed.
  virtual void release(RequestId request) = 0;
  /// To the host and back: how many pages that takes; nothing, and nothing changes, when there is no room.
  [[nodiscard]] virtual std::optional<std::uint64_t> swap_out(RequestId request) = 0;
  [[nodiscard]] virtual std::optional<std::uint64_t> swap_in(RequestId request) = 0;

  /// A pass over the requests' tokens may be submitted / has been.
  virtual void begin_pass() = 0;
  virtual void end_pass() = 0;

  /// Pages that `tokens` tokens of one request take when nothing is shared.
  [[nodiscard]] virtual std::uint64_t pages_for(std::uint32_t tokens) const = 0;
  [[nodiscard]] virtual std::uint64_t page_bytes() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t pages_per_slab() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t pages() const noexcept = 0;
  /// That no request holds, though they may hold something to share.
  [[nodiscard]] virtual std::uint64_t free_pages() const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t slabs() const noexcept = 0;

  /// Throws Error{check_failed} that names the first broken invariant.
  virtual void check_invariants() const = 0;
};

}  // namespace prophet
