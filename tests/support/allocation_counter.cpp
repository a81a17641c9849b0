#include "tests/support/allocation_counter.hpp"

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

// The sanitizers bring an operator new of their own, which must stay in place for them to see the heap.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PROPHET_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PROPHET_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef PROPHET_COUNTS_ALLOCATIONS
#define PROPHET_COUNTS_ALLOCATIONS 1
#endif

namespace {

std::atomic<std::uint64_t> allocations{0};
std::atomic<std::uint64_t> bytes_now{0};
std::atomic<std::uint64_t> bytes_peak{0};

[[maybe_unused]] void note_allocated(std::uint64_t bytes) {
  const auto now = bytes_now.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  auto peak = bytes_peak.load(std::memory_order_relaxed);
  while (now > peak && !bytes_peak.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

[[maybe_unused]] void release(void* memory) {
  bytes_now.fetch_sub(malloc_usable_size(memory), std::memory_order_relaxed);
  std::free(memory);
}

[[maybe_unused]] void* counted(std::size_t size, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  note_allocated(malloc_usable_size(memory));
  return memory;
}

}  // namespace

#if PROPHET_COUNTS_ALLOCATIONS

void* operator new(std::size_t size) {
  return counted(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}

#endif

namespace prophet::testing {

bool heap_allocations_are_counted() noexcept {
  return PROPHET_COUNTS_ALLOCATIONS != 0;
}

std::uint64_t heap_allocations() noexcept {
  return allocations.load(std::memory_order_relaxed);
}

std::uint64_t heap_bytes() noexcept {
  return bytes_now.load(std::memory_order_relaxed);
}

std::uint64_t heap_bytes_peak() noexcept {
  return bytes_peak.load(std::memory_order_relaxed);
}

void reset_heap_bytes_peak() noexcept {
  bytes_peak.store(heap_bytes(), std::memory_order_relaxed);
}

}  // namespace prophet::testing
