#include "tests/cuda_on_cpu/cudart/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "tests/cuda_on_cpu/control.hpp"
#include "tests/cuda_on_cpu/cudart/quiet_lock.hpp"

namespace prophet::cuda_on_cpu {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t alignment = 512;                      // what cudaMalloc gives on every device so far
constexpr std::size_t poisoned_max = std::size_t{1} << 20;  // more would make lazily reserved memory real
constexpr int not_a_number = 0xFF;                          // in every byte: a NaN in every floating format

std::optional<std::size_t> round_up(std::size_t bytes, std::size_t unit) {
  if (bytes > std::numeric_limits<std::size_t>::max() - 2 * unit) return std::nullopt;
  return (bytes + unit - 1) / unit * unit;
}

std::uintptr_t number(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address);
}
void* pointer(std::uintptr_t address) {
  return reinterpret_cast<void*>(address);
}

}  // namespace

Memory& Memory::instance() {
  static Memory& memory = *new Memory;
  return memory;
}

std::size_t Memory::free_bytes(int device) const {
  const Machine now = machine();
  const QuietLock lock(mutex_);
  const std::size_t used = used_bytes_[static_cast<std::size_t>(device)] + now.context_bytes;
  return used >= now.memory_bytes ? 0 : now.memory_bytes - used;
}

bool Memory::take_capacity(int device, std::size_t bytes) {
  const Machine now = machine();
  const QuietLock lock(mutex_);
  std::size_t& used = used_bytes_[static_cast<std::size_t>(device)];
  if (now.memory_bytes < now.context_bytes || bytes > now.memory_bytes - now.context_bytes) return false;
  if (used > now.memory_bytes - now.context_bytes - bytes) return false;
  used += bytes;
  return true;
}

void Memory::give_capacity(int device, std::size_t bytes) {
  const QuietLock lock(mutex_);
  used_bytes_[static_cast<std::size_t>(device)] -= bytes;
}

/// Maps the block between two guard pages, at the end of its pages so that an overrun meets the guard.
cudaError_t Memory::place(void** address, std::size_t bytes, Block block) {
  const auto rounded = round_up(bytes, alignment);
  const auto pages = round_up(bytes, page_bytes);
  if (!rounded || !pages) return cudaErrorMemoryAllocation;
  void* mapped =
      mmap(nullptr, *pages + 2 * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return cudaErrorMemoryAllocation;
  block.bytes = bytes;
  block.protection = PROT_READ | PROT_WRITE;
  block.pages = number(mapped) + page_bytes;
  block.pages_bytes = *pages;
  const std::uintptr_t begin = block.pages + *pages - *rounded;
  if (mprotect(pointer(block.pages), *pages, block.protection) != 0) {
    munmap(mapped, *pages + 2 * page_bytes);
    return cudaErrorMemoryAllocation;
  }
  const QuietLock lock(mutex_);
  if (bytes <= poisoned_max) std::memset(pointer(begin), not_a_number, bytes);
  protect(block);
  blocks_[begin] = block;
  *address = pointer(begin);
  return cudaSuccess;
}

cudaError_t Memory::allocate_device(void** address, std::size_t bytes, int device) {
  if (address == nullptr) return cudaErrorInvalidValue;
  *address = nullptr;
  if (bytes == 0) return cudaSuccess;
  const auto taken = round_up(bytes, std::max(alignment, machine().granularity_bytes));
  if (!taken || !take_capacity(device, *taken)) return cudaErrorMemoryAllocation;
  Block block;
  block.device = device;
  block.taken_bytes = *taken;
  const cudaError_t placed = place(address, bytes, block);
  if (placed != cudaSuccess) give_capacity(device, *taken);
  return placed;
}

cudaError_t Memory::allocate_pinned(void** address, std::size_t bytes) {
  if (address == nullptr) return cudaErrorInvalidValue;
  *address = nullptr;
  if (bytes == 0) return cudaSuccess;
  Block block;
  block.kind = MemoryKind::pinned;
  return place(address, bytes, block);
}

/// Takes the block out of the table; its pages stay reserved and lose all access.
cudaError_t Memory::vacate(void* address, MemoryKind kind) {
  const QuietLock lock(mutex_);
  const auto found = blocks_.find(number(address));
  if (found == blocks_.end() || found->second.kind != kind || found->second.is_mapping)
    return cudaErrorInvalidValue;
  const Block block = found->second;
  blocks_.erase(found);
  vacant_[block.pages] = block.pages_bytes;
  used_bytes_[static_cast<std::size_t>(block.device)] -= block.taken_bytes;
  mmap(pointer(block.pages), block.pages_bytes, PROT_NONE,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  return cudaSuccess;
}

cudaError_t Memory::free_device(void* address) {
  return address == nullptr ? cudaSuccess : vacate(address, MemoryKind::device);
}

cudaError_t Memory::free_pinned(void* address) {
  return address == nullptr ? cudaSuccess : vacate(address, MemoryKind::pinned);
}

cudaError_t Memory::register_host(void* address, std::size_t bytes) {
  if (address == nullptr || bytes == 0) return cudaErrorInvalidValue;
  const QuietLock lock(mutex_);
  if (overlaps(number(address), bytes)) return cudaErrorHostMemoryAlreadyRegistered;
  // As CUDA does, memory that is not there is refused.
  unsigned char there = 0;
  if (mincore(pointer(number(address) / page_bytes * page_bytes), 1, &there) != 0)
    return cudaErrorInvalidValue;
  Block block;
  block.bytes = bytes;
  block.kind = MemoryKind::registered;
  blocks_[number(address)] = block;
  return cudaSuccess;
}

cudaError_t Memory::unregister_host(void* address) {
  const QuietLock lock(mutex_);
  const auto found = blocks_.find(number(address));
  if (found == blocks_.end() || found->second.kind != MemoryKind::registered)
    return cudaErrorHostMemoryNotRegistered;
  blocks_.erase(found);
  return cudaSuccess;
}

/// The block in which the address lies, or end.
Memory::Blocks::const_iterator Memory::find(std::uintptr_t address) const {
  auto block = blocks_.upper_bound(address);
  if (block == blocks_.begin()) return blocks_.end();
  --block;
  return address - block->first < block->second.bytes ? block : blocks_.end();
}

bool Memory::is_vacant(std::uintptr_t address) const {
  auto range = vacant_.upper_bound(address);
  if (range == vacant_.begin()) return false;
  --range;
  return address - range->first < range->second;
}

bool Memory::overlaps(std::uintptr_t address, std::size_t bytes) const {
  if (find(address) != blocks_.end()) return true;
  const auto next = blocks_.lower_bound(address);
  return next != blocks_.end() && next->first - address < bytes;
}

MemoryRange Memory::look_up(const void* address, std::size_t bytes) const {
  const QuietLock lock(mutex_);
  std::uintptr_t begin = number(address);
  auto block = find(begin);
  MemoryRange range;
  if (block == blocks_.end()) {
    if (is_vacant(begin)) range.kind = MemoryKind::vacant;
    const auto next = blocks_.lower_bound(begin);
    range.whole = next == blocks_.end() || next->first - begin >= bytes;
    return range;
  }
  range.kind = block->second.kind;
  range.device = block->second.device;
  while (bytes > block->first + block->second.bytes - begin) {
    // Mappings may follow one another, and what they hold is then one range.
    const std::uintptr_t end = block->first + block->second.bytes;
    const bool joined = block->second.is_mapping && std::next(block) != blocks_.end() &&
                        std::next(block)->first == end && std::next(block)->second.is_mapping;
    if (!joined || block->second.protection == PROT_NONE) {
      range.whole = false;
      return range;
    }
    bytes -= end - begin;
    begin = end;
    ++block;
  }
  range.whole = block->second.kind == MemoryKind::registered || block->second.protection != PROT_NONE;
  return range;
}

bool Memory::is_device_allocation(const void* address) const {
  const QuietLock lock(mutex_);
  const auto block = blocks_.find(number(address));
  return block != blocks_.end() && block->second.kind == MemoryKind::device && !block->second.is_mapping;
}

void Memory::add_vacant(void* address, std::size_t bytes) {
  const QuietLock lock(mutex_);
  vacant_[number(address)] = bytes;
}

void Memory::add_mapping(void* address, std::size_t bytes, int device) {
  Block block;
  block.bytes = bytes;
  block.device = device;
  block.is_mapping = true;
  block.protection = PROT_NONE;
  block.pages = number(address);
  block.pages_bytes = bytes;
  const QuietLock lock(mutex_);
  blocks_[number(address)] = block;
}

void Memory::remove_mapping(void* address) {
  const QuietLock lock(mutex_);
  blocks_.erase(number(address));
}

void Memory::set_access(void* address, std::size_t bytes, int protection) {
  const QuietLock lock(mutex_);
  const std::uintptr_t end = number(address) + bytes;
  for (auto block = blocks_.lower_bound(number(address)); block != blocks_.end() && block->first < end;
       ++block) {
    block->second.protection = protection;
    protect(block->second);
  }
}

/// Gives the block's pages what they may have at present.
void Memory::protect(const Block& block) const {
  const bool closed = !open_ && block.kind == MemoryKind::device;
  mprotect(pointer(block.pages), block.pages_bytes, closed ? PROT_NONE : block.protection);
}

void Memory::open() {
  const QuietLock lock(mutex_);
  open_ = true;
  for (const auto& [address, block] : blocks_)
    if (block.kind == MemoryKind::device) protect(block);
}

void Memory::close() {
  const QuietLock lock(mutex_);
  open_ = false;
  for (const auto& [address, block] : blocks_)
    if (block.kind == MemoryKind::device) protect(block);
}

Memory::Live Memory::live() const {
  const QuietLock lock(mutex_);
  Live live;
  for (const auto& [address, block] : blocks_) {
    if (block.kind == MemoryKind::device && !block.is_mapping) {
      ++live.device_buffers;
      live.device_bytes += block.bytes;
    }
    if (block.kind == MemoryKind::pinned || block.kind == MemoryKind::registered) ++live.pinned_buffers;
  }
  return live;
}

}  // namespace prophet::cuda_on_cpu
