#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "runtime/device/device.hpp"
#include "runtime/device/sim/vector_clock.hpp"

namespace prophet::sim {

/// The operation that an access belongs to. `clock` is what comes before it; its own epoch is not in it yet.
struct Access {
  Epoch epoch;
  const VectorClock* clock = nullptr;
};

/// An access that nothing orders after an earlier one.
struct Conflict {
  std::uint64_t offset_bytes = 0;  ///< of the first byte in question
  Epoch earlier;                   ///< none when there is no conflict
  bool earlier_wrote = false;
};

/// Where an offset lies. `slab` and `unit` are meaningful when it was declared.
struct UnitPlace {
  bool declared = false;
  std::uint64_t slab = 0;
  std::uint64_t unit = 0;
};

/// What each unit of memory has last been used for: its last write, its reads since then, and which bytes it
/// holds a copy of. What no declaration covers is one unit a buffer.
///
/// Invariants: `reads` of a unit are all unordered with each other, after the write, and empty after a write
/// (a write is checked to come after all of them, so that whatever comes after it comes after them too).
/// Of the bytes of a unit one contiguous stretch of known origin is remembered, the latest.
/// Memory: 56 bytes for each unit that has ever been used, not for those that have not.
class UnitTable {
 public:
  /// Ids come from a BufferTable, so they rise by one.
  void add_buffer(BufferView whole);
  void remove_buffer(BufferId buffer) noexcept;
  /// History begins at the declaration. Throws Error{usage} for a stride or unit of 0, or a view that
  /// overlaps another declaration; the same declaration again changes nothing.
  void declare(BufferView view, std::uint64_t stride_bytes, std::uint64_t unit_bytes);

  [[nodiscard]] Conflict find_read_conflict(BufferView view, const VectorClock& clock);
  [[nodiscard]] Conflict find_write_conflict(BufferView view, const VectorClock& clock);
  /// REQUIRES: find_..._conflict found none.
  void note_read(BufferView view, const Access& access);
  void note_write(BufferView view, const Access& access);

  /// What `view` holds is computed from now on.
  void forget_origin(BufferView view);
  /// `destination` holds a copy of `source` from now on, or of what `source` itself is a copy of.
  void note_origin(BufferView destination, BufferView source);
  /// True when all of `view` is a copy of `source`, which has the same size; else *mismatch_offset_bytes is
  /// where it begins not to be.
  [[nodiscard]] bool is_copy_of(BufferView view, BufferView source, std::uint64_t* mismatch_offset_bytes);

  [[nodiscard]] UnitPlace place(BufferId buffer, std::uint64_t offset_bytes) const;

 private:
  /// Bytes [begin, end) of the buffer are those of `buffer` at `shift` further (modulo 2^64).
  struct Origin {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t shift = 0;
    BufferId buffer;  // 0: unknown
  };
  /// All zero bytes is the state of a unit that has not been used.
  struct Unit {
    Epoch write;
    std::uint32_t shared_reads = 0;  // 1 + index into shared_reads_, when more than one read counts
    Epoch read;
    Origin origin;
  };
  struct FreeUnits {
    void operator()(Unit* units) const noexcept { std::free(units); }
  };
  /// Where a visit of a region begins.
  struct Place {
    std::uint64_t begin = 0;
    std::uint64_t slab_begin = 0;
    std::uint64_t unit_end = 0;
    Unit* slab_units = nullptr;
    Unit* unit = nullptr;
  };
  struct Region {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t stride_bytes = 0;
    std::uint64_t unit_bytes = 0;
    std::uint64_t units_per_slab = 0;
    std::unique_ptr<Unit[], FreeUnits> units;
    Place last;  // one operation asks for the same view several times, and divisions cost
  };
  struct BufferUnits {
    std::vector<Region> regions;  // by begin, disjoint
    Unit rest;
    bool has_origins = false;
  };

  /// Calls visit(Unit&, begin, end) for each unit's share of the view until it returns false.
  template <class Visit>
  void visit(BufferView view, Visit&& visit);
  static const Place& find_place(Region& region, std::uint64_t begin);
  template <class Visit>
  static bool visit_region(Region& region, std::uint64_t begin, std::uint64_t end, Visit&& visit);

  [[nodiscard]] Conflict read_conflict(const Unit& unit, const VectorClock& clock) const;
  void trace(BufferView source, Origin& copied);
  void release_reads(Unit& unit);
  void share_reads(Unit& unit, Epoch epoch);

  std::vector<BufferUnits> buffers_;  // by BufferId
  std::vector<VectorClock> shared_reads_;
  std::vector<std::uint32_t> free_shared_reads_;  // its capacity is never below that of shared_reads_
};

}  // namespace prophet::sim
