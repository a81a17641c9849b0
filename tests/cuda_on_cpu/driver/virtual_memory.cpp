#include "tests/cuda_on_cpu/driver/virtual_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "tests/cuda_on_cpu/cudart/memory.hpp"
#include "tests/cuda_on_cpu/cudart/quiet_lock.hpp"

namespace prophet::cuda_on_cpu {
namespace {

constexpr int reserved_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

void* pointer(std::uintptr_t address) {
  return reinterpret_cast<void*>(address);
}
bool is_whole_pages(std::uintptr_t number) {
  return number != 0 && number % granularity_bytes == 0;
}

}  // namespace

std::shared_ptr<PhysicalMemory> PhysicalMemory::create(std::size_t bytes, int device) {
  if (!Memory::instance().take_capacity(device, bytes)) return nullptr;
  const int file = memfd_create("prophet_cuda_on_cpu", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0) {
    if (file >= 0) close(file);
    Memory::instance().give_capacity(device, bytes);
    return nullptr;
  }
  return std::make_shared<PhysicalMemory>(file, bytes, device);
}

PhysicalMemory::~PhysicalMemory() {
  close(file_);
  Memory::instance().give_capacity(device_, bytes_);
}

VirtualMemory& VirtualMemory::instance() {
  static VirtualMemory& memory = *new VirtualMemory;
  return memory;
}

cudaError_t VirtualMemory::create(std::uint64_t* handle, std::size_t bytes, int device) {
  if (handle == nullptr || !is_whole_pages(bytes)) return cudaErrorInvalidValue;
  auto memory = PhysicalMemory::create(bytes, device);
  if (!memory) return cudaErrorMemoryAllocation;
  const QuietLock lock(mutex_);
  *handle = ++last_handle_;
  handles_[*handle] = std::move(memory);
  return cudaSuccess;
}

cudaError_t VirtualMemory::release(std::uint64_t handle) {
  const QuietLock lock(mutex_);
  return handles_.erase(handle) == 1 ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t VirtualMemory::reserve(std::uintptr_t* address, std::size_t bytes, std::size_t alignment) {
  if (address == nullptr || !is_whole_pages(bytes)) return cudaErrorInvalidValue;
  if ((alignment & (alignment - 1)) != 0) return cudaErrorInvalidValue;
  const std::size_t unit = std::max(alignment, granularity_bytes);
  void* mapped = mmap(nullptr, bytes + unit, PROT_NONE, reserved_flags, -1, 0);
  if (mapped == MAP_FAILED) return cudaErrorMemoryAllocation;
  // What lies before and behind stays mapped without access: guards.
  *address = (reinterpret_cast<std::uintptr_t>(mapped) + unit - 1) / unit * unit;
  Memory::instance().add_vacant(pointer(*address), bytes);
  const QuietLock lock(mutex_);
  reservations_[*address] = bytes;
  return cudaSuccess;
}

cudaError_t VirtualMemory::free_reservation(std::uintptr_t address, std::size_t bytes) {
  const QuietLock lock(mutex_);
  const auto found = reservations_.find(address);
  if (found == reservations_.end() || found->second != bytes) return cudaErrorInvalidValue;
  if (has_mapping(address, bytes)) return cudaErrorInvalidValue;
  reservations_.erase(found);
  return cudaSuccess;
}

cudaError_t VirtualMemory::map(std::uintptr_t address, std::size_t bytes, std::uint64_t handle) {
  const QuietLock lock(mutex_);
  const auto found = handles_.find(handle);
  if (found == handles_.end()) return cudaErrorInvalidValue;
  if (!is_whole_pages(address) || !is_whole_pages(bytes) || bytes > found->second->bytes())
    return cudaErrorInvalidValue;
  if (!is_reserved(address, bytes) || has_mapping(address, bytes)) return cudaErrorInvalidValue;
  void* mapped = mmap(pointer(address), bytes, PROT_NONE, MAP_SHARED | MAP_FIXED, found->second->file(), 0);
  if (mapped == MAP_FAILED) return cudaErrorMemoryAllocation;
  mappings_[address] = {bytes, found->second};
  Memory::instance().add_mapping(pointer(address), bytes, found->second->device());
  return cudaSuccess;
}

cudaError_t VirtualMemory::unmap(std::uintptr_t address, std::size_t bytes) {
  const QuietLock lock(mutex_);
  if (!is_whole_mappings(address, bytes)) return cudaErrorInvalidValue;
  mmap(pointer(address), bytes, PROT_NONE, reserved_flags | MAP_FIXED, -1, 0);
  for (auto mapping = mappings_.lower_bound(address);
       mapping != mappings_.end() && mapping->first < address + bytes;) {
    Memory::instance().remove_mapping(pointer(mapping->first));
    mapping = mappings_.erase(mapping);
  }
  return cudaSuccess;
}

cudaError_t VirtualMemory::set_access(std::uintptr_t address, std::size_t bytes, int protection) {
  const QuietLock lock(mutex_);
  if (!is_whole_mappings(address, bytes)) return cudaErrorInvalidValue;
  Memory::instance().set_access(pointer(address), bytes, protection);
  return cudaSuccess;
}

bool VirtualMemory::is_reserved(std::uintptr_t address, std::size_t bytes) const {
  auto found = reservations_.upper_bound(address);
  if (found == reservations_.begin()) return false;
  --found;
  const std::uintptr_t offset = address - found->first;
  return offset < found->second && bytes <= found->second - offset;
}

bool VirtualMemory::has_mapping(std::uintptr_t address, std::size_t bytes) const {
  auto next = mappings_.lower_bound(address);
  if (next != mappings_.end() && next->first < address + bytes) return true;
  if (next == mappings_.begin()) return false;
  --next;
  return address - next->first < next->second.bytes;
}

/// The range begins with a mapping, ends with one, and has no gap.
bool VirtualMemory::is_whole_mappings(std::uintptr_t address, std::size_t bytes) const {
  if (bytes == 0) return false;
  std::uintptr_t at = address;
  while (at < address + bytes) {
    const auto mapping = mappings_.find(at);
    if (mapping == mappings_.end()) return false;
    at += mapping->second.bytes;
  }
  return at == address + bytes;
}

VirtualMemory::Live VirtualMemory::live() const {
  const QuietLock lock(mutex_);
  return {handles_.size(), mappings_.size(), reservations_.size()};
}

}  // namespace prophet::cuda_on_cpu
