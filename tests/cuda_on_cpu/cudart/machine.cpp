#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "tests/cuda_on_cpu/control.hpp"
#include "tests/cuda_on_cpu/cudart/quiet_lock.hpp"
#include "tests/cuda_on_cpu/cudart/scheduler.hpp"

namespace prophet::cuda_on_cpu {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 0);
}

Machine first_machine() {
  Machine made;
  made.device_count =
      static_cast<int>(std::min<std::uint64_t>(8, from_environment("PROPHET_CUDA_ON_CPU_DEVICES", 1)));
  made.memory_bytes = from_environment("PROPHET_CUDA_ON_CPU_MEMORY_BYTES", made.memory_bytes);
  made.context_bytes = from_environment("PROPHET_CUDA_ON_CPU_CONTEXT_BYTES", made.context_bytes);
  made.granularity_bytes = std::max<std::size_t>(
      made.granularity_bytes, from_environment("PROPHET_CUDA_ON_CPU_GRANULARITY_BYTES", 0));
  made.jitter_us = static_cast<unsigned>(from_environment("PROPHET_CUDA_ON_CPU_JITTER_US", 0));
  made.strict = from_environment("PROPHET_CUDA_ON_CPU_STRICT", 0) != 0;
  made.eager = from_environment("PROPHET_CUDA_ON_CPU_EAGER", 0) != 0;
  made.seed = from_environment("PROPHET_CUDA_ON_CPU_SEED", 1);
  return made;
}

struct State {
  std::mutex mutex;
  Machine machine = first_machine();
};

State& state() {
  static State& instance = *new State;
  return instance;
}

}  // namespace

Machine machine() {
  State& now = state();
  const QuietLock lock(now.mutex);
  return now.machine;
}

void set_machine(const Machine& machine) {
  {
    State& now = state();
    const QuietLock lock(now.mutex);
    now.machine = machine;
  }
  Scheduler::instance().set_seed(machine.seed);
  Scheduler::instance().set_strict(machine.strict);
}

}  // namespace prophet::cuda_on_cpu
