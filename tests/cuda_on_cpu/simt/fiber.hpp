#pragma once

#include <cstddef>

// Assembly where it is written, else ucontext; PROPHET_SIMT_UCONTEXT asks for the latter anywhere.
#if defined(__x86_64__) && !defined(PROPHET_SIMT_UCONTEXT)
#define PROPHET_SIMT_ASSEMBLY_SWITCH
#else
#include <ucontext.h>
#endif

namespace prophet::simt {

/// A stack of its own on which code runs until it hands over to another fiber. One made by the default
/// constructor stands for the OS thread itself. All fibers that hand over to each other belong to one OS
/// thread.
class Fiber {
 public:
  static constexpr std::size_t stack_bytes = 256 * 1024;

  Fiber() = default;
  /// `entry` starts with the first switch to the fiber and must never return.
  explicit Fiber(void (*entry)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Called on the OS thread's own fiber before it switches to another.
  void adopt_os_thread();
  /// Suspends this fiber, which must be the running one, and resumes `next`. Returns when something switches
  /// back.
  void switch_to(Fiber& next);
  /// To be called first in `entry`.
  void entered();
  /// Whether the address lies where a thread arrives that uses more than its stack.
  [[nodiscard]] bool guards(const void* address) const;

 private:
  void* stack_pointer_ = nullptr;
#ifndef PROPHET_SIMT_ASSEMBLY_SWITCH
  ucontext_t context_{};
#endif
  std::byte* stack_ = nullptr;  // lowest usable byte, above a page that faults; null: the OS thread's
  const void* bottom_ = nullptr;
  std::size_t bottom_bytes_ = 0;
  void* tsan_ = nullptr;
  void* asan_fake_stack_ = nullptr;
};

}  // namespace prophet::simt
