#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace prophet {

/// A number that means one thing only. Ids of different kinds do not convert into each other, and no
/// arithmetic is defined on them: `value` is there for the place that owns the array it indexes.
template <class Tag, class Rep = std::uint32_t>
struct Id {
  using rep = Rep;
  Rep value{};

  constexpr Id() = default;
  constexpr explicit Id(Rep v) noexcept : value(v) {}
  /// The id as an array index.
  [[nodiscard]] constexpr std::size_t index() const noexcept { return static_cast<std::size_t>(value); }
  friend constexpr auto operator<=>(Id, Id) = default;
};

/// Position among the model's MoE layers, 0-based; dense layers are not counted.
using LayerId = Id<struct LayerTag>;
/// Position among the experts of one layer, 0-based.
using ExpertId = Id<struct ExpertTag>;
/// layer * experts + expert: dense over all experts of one model, see ExpertGrid.
using ExpertIndex = Id<struct ExpertIndexTag>;
/// A fixed-size piece of the arena.
using SlabId = Id<struct SlabTag>;
/// A fixed-size piece of a slab lent to the KV cache: slab * pages_per_slab + place in the slab, see
/// PageGrid.
using PageId = Id<struct PageTag>;
/// page_tokens tokens of every layer of one KvGroup: a row of pages, see BlockPool.
using BlockId = Id<struct BlockTag>;
/// A sequence that holds KV blocks, see KvCache; an id is used again after its sequence has gone.
using KvSequenceId = Id<struct KvSequenceTag>;
/// Room for one page in host memory, 0-based.
using HostSlotId = Id<struct HostSlotTag>;
/// One sequence's place in the batch.
using LaneId = Id<struct LaneTag>;
/// A sequence of a trace, in file order.
using SequenceId = Id<struct SequenceTag>;
/// Counts how often a slab has been given a new expert; compares for equality only, so that it may wrap.
using Generation = Id<struct GenerationTag>;

}  // namespace prophet

template <class Tag, class Rep>
struct std::hash<prophet::Id<Tag, Rep>> {
  std::size_t operator()(prophet::Id<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value); }
};
