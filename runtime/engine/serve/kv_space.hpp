#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "prophet/ids.hpp"

namespace prophet {

/// A request of the run, in the order of arrival.
using RequestId = Id<struct RequestTag>;

/// Contents of one page to another: byte offsets in the arena of slabs.
struct KvMove {
  std::uint64_t from_bytes = 0;
  std::uint64_t to_bytes = 0;
};

/// One page between the arena and the host's slots, both as byte offsets.
struct KvHostCopy {
  std::uint64_t arena_bytes = 0;
  std::uint64_t host_bytes = 0;
};

/// The KV cache's side of the memory as the serving engine sees it: slabs come and go, requests hold tokens.
/// Integers only: who calls copies the bytes, in the order of the calls. One thread. Spans that calls return
/// are valid until the next call.
class KvSpace {
 public:
  virtual ~KvSpace() = default;

  /// A slab that the expert cache has lent.
  virtual void add_slab(SlabId slab) = 0;
  /// Which slab to give back, and the copies that this takes; nothing when there is no room for what lives
  /// there. Changes nothing until give_up(), which must be the next call.
  struct Removal {
    SlabId slab;
    std::span<const KvMove> moves;
  };
  [[nodiscard]] virtual std::optional<Removal> plan_removal() = 0;
  /// The copies of the plan have been submitted: the slab is no longer ours.
  virtual void give_up(const Removal& plan) = 0;

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
  /// To the host and back; nothing, and nothing changes, when there is no room.
  [[nodiscard]] virtual std::optional<std::span<const KvHostCopy>> swap_out(RequestId request) = 0;
  [[nodiscard]] virtual std::optional<std::span<const KvHostCopy>> swap_in(RequestId request) = 0;

  /// A pass over the requests' tokens is submitted / has ended.
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
