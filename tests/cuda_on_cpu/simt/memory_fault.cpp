#include "tests/cuda_on_cpu/simt/memory_fault.hpp"

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <string>

#include "tests/cuda_on_cpu/simt/block.hpp"
#include "tests/cuda_on_cpu/simt/failure.hpp"
#include "tests/cuda_on_cpu/simt/sanitizers.hpp"

namespace prophet::simt {
namespace {

constexpr std::size_t signal_stack_bytes = 64 * 1024;

struct sigaction previous;

std::string explain(Block& block, const void* address) {
  char text[32];
  std::snprintf(text, sizeof text, "%p", address);
  const std::size_t behind = block.dynamic_shared().bytes_behind(address);
  if (behind != 0) {
    return "a thread touched a byte " + std::to_string(behind) +
           " past the end of dynamic shared memory of " + std::to_string(block.grid().shared_bytes) +
           " bytes";
  }
  if (block.running().fiber != nullptr && block.running().fiber->guards(address)) {
    return "a thread used more than the " + std::to_string(Fiber::stack_bytes / 1024) + " KiB of its stack";
  }
  return std::string("a thread touched address ") + text +
         ", where there is no memory, or none for device code";
}

// What it calls is not safe in a signal handler; but the process ends here in any case.
void handle(int signal, siginfo_t* information, void* context) {
  if (Block::current() != nullptr) fail(*Block::current(), explain(*Block::current(), information->si_addr));
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
    previous.sa_sigaction(signal, information, context);
    return;
  }
  sigaction(signal, &previous, nullptr);  // the fault happens again, and is handled as if this were not here
}

void install() {
  struct sigaction ours {};
  ours.sa_sigaction = handle;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &ours, &previous);
}

}  // namespace

void explain_memory_faults() {
  if (under_asan() || under_tsan()) return;
  static const bool installed = [] {
    install();
    return true;
  }();
  static_cast<void>(installed);
  stack_t stack{};
  stack.ss_sp = new std::byte[signal_stack_bytes];  // as long as the worker lives: forever
  stack.ss_size = signal_stack_bytes;
  sigaltstack(&stack, nullptr);
}

}  // namespace prophet::simt
