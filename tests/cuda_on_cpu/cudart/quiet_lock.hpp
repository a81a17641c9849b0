#pragma once

#include <condition_variable>
#include <mutex>

// Asked at run time whether they are there, because this library may be built without the sanitizer of what
// links it.
extern "C" {
__attribute__((weak)) void __tsan_acquire(void* address);
__attribute__((weak)) void __tsan_release(void* address);
__attribute__((weak)) void AnnotateIgnoreSyncBegin(const char* file, int line);
__attribute__((weak)) void AnnotateIgnoreSyncEnd(const char* file, int line);
__attribute__((weak)) void AnnotateIgnoreReadsBegin(const char* file, int line);
__attribute__((weak)) void AnnotateIgnoreReadsEnd(const char* file, int line);
__attribute__((weak)) void AnnotateIgnoreWritesBegin(const char* file, int line);
__attribute__((weak)) void AnnotateIgnoreWritesEnd(const char* file, int line);
}

/// ThreadSanitizer must see the order that CUDA promises and no other: if the locks of this implementation
/// counted, each would order a stream's work before another's, and a forgotten wait would go unseen. So the
/// implementation's own state is guarded by locks that ThreadSanitizer does not see, and what CUDA orders is
/// said with `happens_before` and `happens_after`.
namespace prophet::cuda_on_cpu {

class QuietRegion {
 public:
  QuietRegion() {
    if (AnnotateIgnoreSyncBegin == nullptr) return;
    AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~QuietRegion() {
    if (AnnotateIgnoreSyncEnd == nullptr) return;
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
  }
  QuietRegion(const QuietRegion&) = delete;
  QuietRegion& operator=(const QuietRegion&) = delete;
};

/// Holds the mutex from its beginning to its end.
class QuietLock {
 public:
  explicit QuietLock(std::mutex& mutex) : lock_(mutex) {}
  void wait(std::condition_variable& changed) { changed.wait(lock_); }

 private:
  QuietRegion region_;
  std::unique_lock<std::mutex> lock_;
};

/// What this thread did so far comes before what another does after happens_after of the same address.
inline void happens_before(const void* address) {
  if (__tsan_release != nullptr) __tsan_release(const_cast<void*>(address));
}
inline void happens_after(const void* address) {
  if (__tsan_acquire != nullptr) __tsan_acquire(const_cast<void*>(address));
}

}  // namespace prophet::cuda_on_cpu
