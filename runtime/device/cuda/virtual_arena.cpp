#include "runtime/device/cuda/virtual_arena.hpp"

#include <fmt/format.h>

#include <numeric>

#include "runtime/base/checked.hpp"

namespace prophet::cuda {
namespace {

constexpr const char* where = "virtual arena";

std::uint64_t whole_blocks(const DriverMemory& driver, int ordinal, std::uint64_t block_bytes,
                           std::uint32_t blocks, Status& status) {
  if (block_bytes == 0 || blocks == 0) {
    throw Error(ErrorCode::usage, fmt::format("{}: {} blocks of {} bytes, expected at least 1 of each", where,
                                              blocks, block_bytes));
  }
  const CUmemAllocationProp properties = memory_of(ordinal);
  std::size_t granularity = 0;
  status.check(
      as_runtime(driver.get_granularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED)),
      "cuMemGetAllocationGranularity", where);
  return checked_round_up(block_bytes, granularity, "bytes of a block");
}

}  // namespace

VirtualArena::VirtualArena(int ordinal, std::uint64_t block_bytes, std::uint32_t blocks, Status& status)
    : ordinal_(ordinal),
      status_(status),
      driver_(status),
      block_bytes_(whole_blocks(driver_, ordinal, block_bytes, blocks, status)),
      memory_(driver_, ordinal, block_bytes_, blocks, status),
      experts_(driver_, checked_mul(block_bytes_, blocks, "virtual arena"), status),
      pages_(driver_, block_bytes_ * blocks, status) {
  experts_.blocks.reserve(blocks);
  pages_.blocks.reserve(blocks);
  std::vector<std::uint32_t> all(blocks);
  std::iota(all.begin(), all.end(), 0U);
  map_behind(experts_, all);
  experts_.blocks = all;
}

VirtualArena::~VirtualArena() {
  if (status_.lost()) return;
  unmap_all(experts_);
  unmap_all(pages_);
}

std::byte* VirtualArena::address(Side side) const noexcept {
  return reinterpret_cast<std::byte*>(range(side).addresses.begin());
}

void VirtualArena::give(Side to, std::uint32_t count) {
  status_.refuse_if_lost(where);
  Range& giver = range(to == Side::experts ? Side::pages : Side::experts);
  Range& taker = range(to);
  if (count > giver.blocks.size()) {
    throw Error(ErrorCode::usage, fmt::format("{}: {} blocks are asked of a side that has {}", where, count,
                                              giver.blocks.size()));
  }
  if (count == 0) return;
  status_.check(clear_unknown(taker), "cuMemUnmap", where);
  const std::vector<std::uint32_t> moving(giver.blocks.rbegin(), giver.blocks.rbegin() + count);
  // At both sides for a moment: until the last mapping has succeeded nothing has been taken away.
  map_behind(taker, moving);
  const auto kept = static_cast<std::uint32_t>(giver.blocks.size() - count);
  unmap_beyond(giver, kept);
  giver.blocks.resize(kept);
  taker.blocks.insert(taker.blocks.end(), moving.begin(), moving.end());
}

void VirtualArena::map_behind(Range& to, const std::vector<std::uint32_t>& more) {
  const std::uint32_t first = to.mapped;
  try {
    for (const std::uint32_t block : more) {
      status_.check(as_runtime(driver_.map(place(to, to.mapped), block_bytes_, 0, memory_[block], 0)),
                    "cuMemMap", where);
      ++to.mapped;
    }
    CUmemAccessDesc access{};
    access.location = memory_of(ordinal_).location;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    status_.check(as_runtime(driver_.set_access(place(to, first), more.size() * block_bytes_, &access, 1)),
                  "cuMemSetAccess", where);
  } catch (...) {
    if (!status_.lost()) unmap_beyond(to, first);
    throw;
  }
}

void VirtualArena::unmap_beyond(Range& from, std::uint32_t kept) noexcept {
  if (from.mapped == kept) return;
  const std::uint64_t size_bytes = (from.mapped - kept) * block_bytes_;
  if (status_.note(as_runtime(driver_.unmap(place(from, kept), size_bytes)), "cuMemUnmap", where))
    from.mapped = kept;
}

cudaError_t VirtualArena::clear_unknown(Range& range) noexcept {
  const auto known = static_cast<std::uint32_t>(range.blocks.size());
  if (range.mapped == known) return cudaSuccess;
  const std::uint64_t size_bytes = (range.mapped - known) * block_bytes_;
  const cudaError_t result = as_runtime(driver_.unmap(place(range, known), size_bytes));
  if (result != cudaSuccess && result != cudaErrorInvalidValue) return result;
  range.mapped = known;  // unmapped now, or, says the invalid value, before
  return cudaSuccess;
}

void VirtualArena::unmap_all(Range& range) noexcept {
  status_.note(clear_unknown(range), "cuMemUnmap", where);
  unmap_beyond(range, 0);
}

}  // namespace prophet::cuda
