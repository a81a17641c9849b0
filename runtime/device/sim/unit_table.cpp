#include "runtime/device/sim/unit_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <type_traits>

#include "prophet/error.hpp"
#include "runtime/base/checked.hpp"

namespace prophet::sim {

const UnitTable::Place& UnitTable::find_place(Region& region, std::uint64_t begin) {
  Place& place = region.last;
  if (place.begin == begin && place.unit != nullptr) return place;
  const std::uint64_t slab = (begin - region.begin) / region.stride_bytes;
  place.begin = begin;
  place.slab_begin = region.begin + slab * region.stride_bytes;
  const std::uint64_t unit = (begin - place.slab_begin) / region.unit_bytes;
  place.slab_units = region.units.get() + slab * region.units_per_slab;
  place.unit = place.slab_units + unit;
  place.unit_end = place.slab_begin + (unit + 1) * region.unit_bytes;
  return place;
}

template <class Visit>
bool UnitTable::visit_region(Region& region, std::uint64_t begin, std::uint64_t end, Visit&& visit) {
  auto [ignored, slab_begin, unit_end, slab_units, unit] = find_place(region, begin);
  while (begin < end) {
    const std::uint64_t slab_end = slab_begin + region.stride_bytes;
    const std::uint64_t stop = std::min(slab_end, end);
    while (begin < stop) {
      const std::uint64_t piece_end = std::min(unit_end, stop);
      if (!visit(*unit++, begin, piece_end)) return false;
      begin = piece_end;
      unit_end += region.unit_bytes;
    }
    slab_begin = slab_end;
    unit_end = slab_begin + region.unit_bytes;
    slab_units += region.units_per_slab;
    unit = slab_units;
  }
  return true;
}

template <class Visit>
void UnitTable::visit(BufferView view, Visit&& visit) {
  BufferUnits& buffer = buffers_[view.buffer.index()];
  std::uint64_t offset = view.offset_bytes;
  const std::uint64_t end = offset + view.size_bytes;
  for (Region& region : buffer.regions) {
    if (offset >= end || region.begin >= end) break;
    if (region.end <= offset) continue;
    if (offset < region.begin && !visit(buffer.rest, offset, region.begin)) return;
    offset = std::max(offset, region.begin);
    const std::uint64_t stop = std::min(end, region.end);
    if (!visit_region(region, offset, stop, visit)) return;
    offset = stop;
  }
  if (offset < end) visit(buffer.rest, offset, end);
}

void UnitTable::add_buffer(BufferView whole) {
  buffers_.resize(std::max(buffers_.size(), whole.buffer.index() + 1));
}

void UnitTable::remove_buffer(BufferId buffer) noexcept {
  BufferUnits& gone = buffers_[buffer.index()];
  visit({buffer, 0, ~std::uint64_t{0}}, [this](Unit& unit, std::uint64_t, std::uint64_t) {
    release_reads(unit);
    return true;
  });
  gone = {};
}

void UnitTable::declare(BufferView view, std::uint64_t stride_bytes, std::uint64_t unit_bytes) {
  if (stride_bytes == 0 || unit_bytes == 0 || view.size_bytes == 0) {
    throw Error(ErrorCode::usage,
                fmt::format("declare_units: {} bytes in slabs of {} and units of {}, expected none to be 0",
                            view.size_bytes, stride_bytes, unit_bytes));
  }
  unit_bytes = std::min(unit_bytes, stride_bytes);
  Region made;
  made.begin = view.offset_bytes;
  made.end = view.offset_bytes + view.size_bytes;
  made.stride_bytes = stride_bytes;
  made.unit_bytes = unit_bytes;
  made.units_per_slab = ceil_div(stride_bytes, unit_bytes);
  std::vector<Region>& regions = buffers_[view.buffer.index()].regions;
  const auto next = std::find_if(regions.begin(), regions.end(),
                                 [&](const Region& region) { return region.end > made.begin; });
  if (next != regions.end() && next->begin < made.end) {
    const bool same = next->begin == made.begin && next->end == made.end &&
                      next->stride_bytes == stride_bytes && next->unit_bytes == unit_bytes;
    if (same) return;
    throw Error(ErrorCode::usage,
                fmt::format("declare_units: bytes [{}, {}) of buffer {} overlap the declared [{}, {})",
                            made.begin, made.end, view.buffer.value, next->begin, next->end));
  }
  const std::uint64_t units =
      checked_mul(ceil_div(view.size_bytes, stride_bytes), made.units_per_slab, "declare_units: units");
  static_assert(std::is_trivially_copyable_v<Unit> && sizeof(Unit) <= 56);
  made.units.reset(static_cast<Unit*>(std::calloc(units, sizeof(Unit))));
  if (made.units == nullptr) throw std::bad_alloc();
  regions.insert(next, std::move(made));
}

Conflict UnitTable::read_conflict(const Unit& unit, const VectorClock& clock) const {
  if (unit.shared_reads == 0) return {0, clock.covers(unit.read) ? Epoch{} : unit.read, false};
  const VectorClock& reads = shared_reads_[unit.shared_reads - 1];
  for (StreamSlot slot = 0; slot < reads.seen.size(); ++slot) {
    if (reads.seen[slot] > clock.seen[slot]) return {0, Epoch(slot, reads.seen[slot]), false};
  }
  return {};
}

Conflict UnitTable::find_read_conflict(BufferView view, const VectorClock& clock) {
  Conflict found;
  visit(view, [&](const Unit& unit, std::uint64_t begin, std::uint64_t) {
    if (clock.covers(unit.write)) return true;
    found = {begin, unit.write, true};
    return false;
  });
  return found;
}

Conflict UnitTable::find_write_conflict(BufferView view, const VectorClock& clock) {
  Conflict found;
  visit(view, [&](const Unit& unit, std::uint64_t begin, std::uint64_t) {
    const bool written = !clock.covers(unit.write);
    if (!written && unit.shared_reads == 0 && clock.covers(unit.read)) return true;
    found = written ? Conflict{0, unit.write, true} : read_conflict(unit, clock);
    found.offset_bytes = begin;
    return found.earlier.none();
  });
  return found;
}

void UnitTable::note_read(BufferView view, const Access& access) {
  visit(view, [&](Unit& unit, std::uint64_t, std::uint64_t) {
    if (unit.shared_reads == 0 && access.clock->covers(unit.read)) {
      unit.read = access.epoch;
    } else {
      share_reads(unit, access.epoch);
    }
    return true;
  });
}

void UnitTable::note_write(BufferView view, const Access& access) {
  visit(view, [&](Unit& unit, std::uint64_t, std::uint64_t) {
    unit.write = access.epoch;
    release_reads(unit);
    return true;
  });
}

void UnitTable::release_reads(Unit& unit) {
  unit.read = {};
  if (unit.shared_reads == 0) return;
  free_shared_reads_.push_back(unit.shared_reads - 1);
  unit.shared_reads = 0;
}

void UnitTable::share_reads(Unit& unit, Epoch epoch) {
  if (unit.shared_reads == 0) {
    if (free_shared_reads_.empty()) {
      shared_reads_.emplace_back();
      free_shared_reads_.reserve(shared_reads_.capacity());
      free_shared_reads_.push_back(static_cast<std::uint32_t>(shared_reads_.size() - 1));
    }
    unit.shared_reads = free_shared_reads_.back() + 1;
    free_shared_reads_.pop_back();
    VectorClock& reads = shared_reads_[unit.shared_reads - 1];
    reads = {};
    reads.seen[unit.read.slot()] = unit.read.number();
  }
  shared_reads_[unit.shared_reads - 1].seen[epoch.slot()] = epoch.number();
}

void UnitTable::forget_origin(BufferView view) {
  if (!buffers_[view.buffer.index()].has_origins) return;
  visit(view, [](Unit& unit, std::uint64_t, std::uint64_t) {
    unit.origin = {};
    return true;
  });
}

void UnitTable::note_origin(BufferView destination, BufferView source) {
  buffers_[destination.buffer.index()].has_origins = true;
  const bool traceable = buffers_[source.buffer.index()].has_origins;
  const std::uint64_t shift = source.offset_bytes - destination.offset_bytes;
  visit(destination, [&](Unit& unit, std::uint64_t begin, std::uint64_t end) {
    Origin piece{begin, end, shift, source.buffer};
    if (traceable) trace({source.buffer, begin + shift, end - begin}, piece);
    Origin& known = unit.origin;
    const bool joins = known.shift == piece.shift && known.buffer == piece.buffer && begin <= known.end &&
                       end >= known.begin;
    if (joins) {
      piece.begin = std::min(known.begin, begin);
      piece.end = std::max(known.end, end);
    }
    known = piece;
    return true;
  });
}

/// `copied`, whose bytes are about to be copied from `source`, gets the origin that those have themselves.
void UnitTable::trace(BufferView source, Origin& copied) {
  const std::uint64_t source_end = source.offset_bytes + source.size_bytes;
  visit(source, [&](const Unit& unit, std::uint64_t begin, std::uint64_t) {
    const Origin& known = unit.origin;
    if (known.buffer != BufferId{} && known.begin <= begin && known.end >= source_end) {
      copied.shift += known.shift;
      copied.buffer = known.buffer;
    }
    return false;
  });
}

bool UnitTable::is_copy_of(BufferView view, BufferView source, std::uint64_t* mismatch_offset_bytes) {
  const std::uint64_t shift = source.offset_bytes - view.offset_bytes;
  bool same = true;
  visit(view, [&](const Unit& unit, std::uint64_t begin, std::uint64_t end) {
    const Origin& known = unit.origin;
    same = known.buffer == source.buffer && known.shift == shift && known.begin <= begin && known.end >= end;
    if (!same) *mismatch_offset_bytes = begin;
    return same;
  });
  return same;
}

UnitPlace UnitTable::place(BufferId buffer, std::uint64_t offset_bytes) const {
  for (const Region& region : buffers_[buffer.index()].regions) {
    if (offset_bytes < region.begin || offset_bytes >= region.end) continue;
    const std::uint64_t from = offset_bytes - region.begin;
    return {true, from / region.stride_bytes, from % region.stride_bytes / region.unit_bytes};
  }
  return {};
}

}  // namespace prophet::sim
