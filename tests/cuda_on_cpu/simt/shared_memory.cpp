#include "tests/cuda_on_cpu/simt/shared_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/cuda_on_cpu/simt/executor.hpp"
#include "tests/cuda_on_cpu/simt/sanitizers.hpp"

namespace prophet::simt {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t guard_bytes = 16 * page_bytes;
constexpr std::size_t alignment = 16;
constexpr std::size_t region_bytes = (dynamic_shared_bytes_max + page_bytes - 1) / page_bytes * page_bytes;

}  // namespace

void fill_with_poison(void* begin, std::size_t bytes) {
#if defined(__x86_64__)
  // Not memset, which sanitizers intercept.
  asm volatile("rep stosb" : "+D"(begin), "+c"(bytes) : "a"(poison_byte) : "memory");
#else
  for (auto* byte = static_cast<volatile unsigned char*>(begin); bytes != 0; --bytes) *byte++ = poison_byte;
#endif
}

DynamicShared::DynamicShared() {
  void* region = mmap(nullptr, region_bytes + guard_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED ||
      mprotect(static_cast<std::byte*>(region) + region_bytes, guard_bytes, PROT_NONE) != 0) {
    std::perror("prophet::simt: no memory for dynamic shared memory");
    std::abort();
  }
  region_ = static_cast<std::byte*>(region);
  data_ = region_ + region_bytes;
}

DynamicShared::~DynamicShared() {
  munmap(region_, region_bytes + guard_bytes);
}

void DynamicShared::prepare(std::size_t bytes) {
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  bytes_ = bytes;
  data_ = region_ + region_bytes - rounded;
  fill_with_poison(data_, rounded);
  if (!under_asan()) return;
  __asan_unpoison_memory_region(region_, region_bytes);
  __asan_poison_memory_region(region_, static_cast<std::size_t>(data_ - region_));
  __asan_poison_memory_region(data_ + bytes, rounded - bytes);
}

bool DynamicShared::contains(const void* begin, std::size_t bytes) const {
  const auto* first = static_cast<const std::byte*>(begin);
  return first >= data_ && first + bytes <= data_ + bytes_;
}

std::size_t DynamicShared::bytes_behind(const void* address) const {
  const auto* byte = static_cast<const std::byte*>(address);
  const std::byte* end = data_ + bytes_;
  return byte >= end && byte < region_ + region_bytes + guard_bytes ? static_cast<std::size_t>(byte - end) + 1
                                                                    : 0;
}

bool DynamicShared::slack_is_untouched() const {
  return std::all_of(data_ + bytes_, region_ + region_bytes,
                     [](std::byte byte) { return byte == std::byte{poison_byte}; });
}

}  // namespace prophet::simt
