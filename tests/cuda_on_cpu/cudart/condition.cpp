#include "tests/cuda_on_cpu/cudart/condition.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

#include "tests/cuda_on_cpu/cudart/quiet_lock.hpp"

namespace prophet::cuda_on_cpu {
namespace {

struct Conditions {
  std::mutex mutex;
  std::map<cudaGraphConditionalHandle, unsigned> values;
  cudaGraphConditionalHandle next = 0x56000000;
};

Conditions& conditions() {
  static Conditions& instance = *new Conditions;
  return instance;
}

}  // namespace

cudaGraphConditionalHandle new_condition(unsigned value) {
  Conditions& all = conditions();
  const QuietLock lock(all.mutex);
  all.values[++all.next] = value;
  return all.next;
}

unsigned condition(cudaGraphConditionalHandle handle) {
  Conditions& all = conditions();
  const QuietLock lock(all.mutex);
  return all.values.at(handle);
}

void set_condition(cudaGraphConditionalHandle handle, unsigned value) {
  Conditions& all = conditions();
  const QuietLock lock(all.mutex);
  const auto found = all.values.find(handle);
  if (found == all.values.end()) {
    std::fprintf(stderr, "cuda_on_cpu: cudaGraphSetConditional with a handle that is none\n");
    std::abort();
  }
  found->second = value;
}

}  // namespace prophet::cuda_on_cpu

/// What kernels call; the executor runs them on a thread of this process.
extern "C" void cudaGraphSetConditional(cudaGraphConditionalHandle handle, unsigned value) {
  prophet::cuda_on_cpu::set_condition(handle, value);
}
