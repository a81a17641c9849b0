#pragma once

#include <cstddef>

// What the sanitizers must be told of fibers and of the order that barriers make. The executor itself is
// built without them and asks at run time whether they are there: every name is weak.
extern "C" {
__attribute__((weak)) void* __tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_switch_to_fiber(void* fiber, unsigned flags);
__attribute__((weak)) void* __tsan_get_current_fiber();
__attribute__((weak)) void __tsan_acquire(void* tag);
__attribute__((weak)) void __tsan_release(void* tag);
__attribute__((weak)) void __tsan_read_range(void* begin, unsigned long bytes);
__attribute__((weak)) void AnnotateIgnoreReadsBegin(const char* file, int line);
__attribute__((weak)) void AnnotateIgnoreReadsEnd(const char* file, int line);
__attribute__((weak)) void AnnotateIgnoreWritesBegin(const char* file, int line);
__attribute__((weak)) void AnnotateIgnoreWritesEnd(const char* file, int line);
__attribute__((weak)) void __sanitizer_start_switch_fiber(void** save, const void* bottom, std::size_t bytes);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void* saved, const void** bottom,
                                                           std::size_t* bytes);
__attribute__((weak)) void __asan_poison_memory_region(const volatile void* begin, std::size_t bytes);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void* begin, std::size_t bytes);
}

namespace prophet::simt {

[[nodiscard]] inline bool under_tsan() {
  return __tsan_create_fiber != nullptr;
}
[[nodiscard]] inline bool under_asan() {
  return __asan_poison_memory_region != nullptr;
}

/// ThreadSanitizer: what came before `release` in one fiber happens before what comes after `acquire` in
/// another.
using Tag = char;
inline void release(Tag& tag) {
  if (__tsan_release != nullptr) __tsan_release(&tag);
}
inline void acquire(Tag& tag) {
  if (__tsan_acquire != nullptr) __tsan_acquire(&tag);
}

/// While one lives, ThreadSanitizer takes no note of what intercepted functions (malloc, memmove) touch: the
/// executor's own data is handed from fiber to fiber without an order that TSan knows.
class IgnoreAccesses {
 public:
  IgnoreAccesses() {
    if (AnnotateIgnoreReadsBegin == nullptr) return;
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~IgnoreAccesses() {
    if (AnnotateIgnoreReadsEnd == nullptr) return;
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
  IgnoreAccesses(const IgnoreAccesses&) = delete;
  IgnoreAccesses& operator=(const IgnoreAccesses&) = delete;
};

}  // namespace prophet::simt
