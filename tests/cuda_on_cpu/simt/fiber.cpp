#include "tests/cuda_on_cpu/simt/fiber.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/cuda_on_cpu/simt/sanitizers.hpp"

#ifdef PROPHET_SIMT_ASSEMBLY_SWITCH
// Saves what a called function must preserve, on the stack that it leaves; then restores the same from the
// other.
extern "C" void prophet_simt_switch(void** save_stack_pointer, void* load_stack_pointer);
asm(R"(
.text
.globl prophet_simt_switch
.type prophet_simt_switch,@function
prophet_simt_switch:
  .cfi_startproc
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .cfi_endproc
.size prophet_simt_switch,.-prophet_simt_switch
)");
#endif

namespace prophet::simt {
namespace {

// Wide enough that a large local array cannot easily step over it.
constexpr std::size_t guard_bytes = 64 * 1024;
constexpr unsigned no_synchronisation = 1;  // of __tsan_switch_to_fiber: a switch alone orders nothing

std::byte* map_stack() {
  void* region = mmap(nullptr, guard_bytes + Fiber::stack_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (region == MAP_FAILED || mprotect(region, guard_bytes, PROT_NONE) != 0) {
    std::perror("prophet::simt: no memory for the stack of a CUDA thread");
    std::abort();
  }
  return static_cast<std::byte*>(region) + guard_bytes;
}

}  // namespace

Fiber::Fiber(void (*entry)()) : stack_(map_stack()), bottom_(stack_), bottom_bytes_(stack_bytes) {
#ifdef PROPHET_SIMT_ASSEMBLY_SWITCH
  auto** top = reinterpret_cast<void**>(stack_ + stack_bytes);
  *--top = nullptr;  // where `entry` would return to; also keeps the stack aligned as a call does
  *--top = reinterpret_cast<void*>(entry);
  for (int preserved = 0; preserved < 6; ++preserved) *--top = nullptr;
  stack_pointer_ = top;
#else
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = stack_bytes;
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
#endif
  if (__tsan_create_fiber != nullptr) tsan_ = __tsan_create_fiber(0);
}

Fiber::~Fiber() {
  if (stack_ != nullptr) munmap(stack_ - guard_bytes, guard_bytes + stack_bytes);
}

void Fiber::adopt_os_thread() {
  if (__tsan_get_current_fiber != nullptr) tsan_ = __tsan_get_current_fiber();
  if (bottom_ != nullptr) return;
  pthread_attr_t attributes;
  void* bottom = nullptr;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  pthread_attr_getstack(&attributes, &bottom, &bottom_bytes_);
  pthread_attr_destroy(&attributes);
  bottom_ = bottom;
}

void Fiber::switch_to(Fiber& next) {
  if (__sanitizer_start_switch_fiber != nullptr) {
    __sanitizer_start_switch_fiber(&asan_fake_stack_, next.bottom_, next.bottom_bytes_);
  }
  if (__tsan_switch_to_fiber != nullptr) __tsan_switch_to_fiber(next.tsan_, no_synchronisation);
#ifdef PROPHET_SIMT_ASSEMBLY_SWITCH
  prophet_simt_switch(&stack_pointer_, next.stack_pointer_);
#else
  swapcontext(&context_, &next.context_);
#endif
  if (__sanitizer_finish_switch_fiber != nullptr) {
    __sanitizer_finish_switch_fiber(asan_fake_stack_, nullptr, nullptr);
  }
}

bool Fiber::guards(const void* address) const {
  const auto* byte = static_cast<const std::byte*>(address);
  return stack_ != nullptr && byte >= stack_ - guard_bytes && byte < stack_;
}

void Fiber::entered() {
  if (__sanitizer_finish_switch_fiber != nullptr) __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
}

}  // namespace prophet::simt
