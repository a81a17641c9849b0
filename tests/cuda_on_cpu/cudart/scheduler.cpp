#include "tests/cuda_on_cpu/cudart/scheduler.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <thread>
#include <utility>

#include "tests/cuda_on_cpu/control.hpp"
#include "tests/cuda_on_cpu/cudart/calls.hpp"
#include "tests/cuda_on_cpu/cudart/memory.hpp"
#include "tests/cuda_on_cpu/cudart/quiet_lock.hpp"

namespace prophet::cuda_on_cpu {
namespace {

cudaError_t run_or_explain(const Operation& operation) {
  try {
    return operation.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cuda_on_cpu: an operation failed: %s\n", error.what());
    return cudaErrorLaunchFailure;
  }
}

}  // namespace

/// For its lifetime this thread may run operations in strict mode, and device memory is open.
class Scheduler::Drive {
 public:
  explicit Drive(Scheduler& scheduler) : driver_(scheduler.driver_) {
    {
      const QuietRegion quiet;  // and no longer: what operations do must be seen
      driver_.lock();
    }
    Memory::instance().open();
  }
  ~Drive() {
    Memory::instance().close();
    const QuietRegion quiet;
    driver_.unlock();
  }
  Drive(const Drive&) = delete;
  Drive& operator=(const Drive&) = delete;

 private:
  std::mutex& driver_;
};

Scheduler& Scheduler::instance() {
  // Never destroyed: workers may still run while the process ends.
  static Scheduler& scheduler = *[] {
    auto* made = new Scheduler;
    const Machine first = machine();
    made->set_seed(first.seed);
    made->set_strict(first.strict);
    return made;
  }();
  return scheduler;
}

std::shared_ptr<Queue> Scheduler::open(int device, int priority) {
  auto queue = std::make_shared<Queue>();
  queue->device = device;
  queue->priority = priority;
  const QuietLock lock(mutex_);
  queues_.push_back(queue);
  return queue;
}

void Scheduler::close(const std::shared_ptr<Queue>& queue) {
  const QuietLock lock(mutex_);
  queue->closed = true;
  queue->wake.notify_all();
  if (queue->waiting.empty() && !queue->running) std::erase(queues_, queue);
}

Signal Scheduler::submit(const std::shared_ptr<Queue>& queue, Operation operation) {
  Signal signal = put(queue, std::move(operation));
  if (machine().eager) wait(signal);
  return signal;
}

Signal Scheduler::put(const std::shared_ptr<Queue>& queue, Operation operation) {
  auto signal = std::make_shared<Completion>();
  happens_before(signal.get());
  const QuietLock lock(mutex_);
  queue->waiting.push_back({std::move(operation), signal});
  queue->last = signal;
  if (strict_) return signal;
  if (!queue->has_worker) {
    queue->has_worker = true;
    std::thread([this, own = queue]() mutable {
      work(own);
      const QuietRegion quiet;
      own.reset();
    }).detach();
  }
  wake_who_may_start();
  return signal;
}

Signal Scheduler::last(const Queue& queue) {
  const QuietLock lock(mutex_);
  return queue.last;
}

bool Scheduler::is_done(const Signal& signal) {
  if (!signal) return true;
  const auto done = [&] {
    const QuietLock lock(mutex_);
    return signal->done;
  };
  if (!done()) {
    bool strict = false;
    {
      const QuietLock lock(mutex_);
      strict = strict_;
    }
    if (strict) {
      const Drive drive(*this);
      run_one();
    }
    if (!done()) return false;
  }
  happens_after(signal.get());
  return true;
}

void Scheduler::wait(const Signal& signal) {
  if (!signal) return;
  bool strict = false;
  {
    QuietLock lock(mutex_);
    strict = strict_;
    while (!strict && !signal->done) lock.wait(finished_);
  }
  if (strict) {
    const Drive drive(*this);
    const auto done = [&] {
      const QuietLock lock(mutex_);
      return signal->done;
    };
    while (!done()) {
      if (run_one()) continue;
      std::fprintf(stderr, "cuda_on_cpu: a call waits for an operation that can never start\n");
      std::abort();
    }
  }
  happens_after(signal.get());
}

void Scheduler::wait_for_all() {
  std::vector<Signal> all;
  {
    const QuietLock lock(mutex_);
    for (const auto& queue : queues_) all.push_back(queue->last);
  }
  for (const Signal& signal : all) wait(signal);
}

std::chrono::steady_clock::time_point Scheduler::done_at(const Signal& signal) {
  const QuietLock lock(mutex_);
  return signal->at;
}

void Scheduler::set_seed(std::uint64_t seed) {
  const QuietLock lock(mutex_);
  random_.seed(seed);
}

void Scheduler::set_strict(bool strict) {
  {
    const QuietLock lock(mutex_);
    if (std::exchange(strict_, strict) == strict) return;
  }
  if (strict) {
    Memory::instance().close();
  } else {
    Memory::instance().open();
  }
}

/// The life of a queue's thread: what comes, in order, until the queue is closed and empty.
void Scheduler::work(const std::shared_ptr<Queue>& queue) {
  for (;;) {
    Queue::Entry entry;
    {
      QuietLock lock(mutex_);
      while (!may_start(*queue) || strict_) {
        if (queue->closed && queue->waiting.empty()) {
          std::erase(queues_, queue);
          return;
        }
        lock.wait(queue->wake);
      }
      entry = take(*queue);
    }
    jitter();
    run(entry);
    finish(*queue, entry);
  }
}

bool Scheduler::is_ready(const Queue& queue) const {
  if (queue.running || queue.waiting.empty()) return false;
  const auto& after = queue.waiting.front().operation.after;
  return std::all_of(after.begin(), after.end(),
                     [](const Signal& signal) { return !signal || signal->done; });
}

/// No copy in the same direction runs on this device, and none of higher priority is ready to.
bool Scheduler::engine_is_free(const Queue& queue) const {
  const Engine engine = queue.waiting.front().operation.engine;
  if (engine == Engine::none) return true;
  return std::none_of(queues_.begin(), queues_.end(), [&](const auto& other) {
    if (other.get() == &queue || other->device != queue.device || other->waiting.empty()) return false;
    if (other->waiting.front().operation.engine != engine) return false;
    return other->running || (other->priority < queue.priority && is_ready(*other));
  });
}

bool Scheduler::may_start(const Queue& queue) const {
  return is_ready(queue) && engine_is_free(queue);
}

/// The running entry's shell stays at the front of the queue until it is finished, to show its engine.
Queue::Entry Scheduler::take(Queue& queue) {
  queue.running = true;
  Queue::Entry& front = queue.waiting.front();
  Queue::Entry taken;
  taken.operation = std::move(front.operation);
  taken.signal = front.signal;
  front.operation = Operation{};
  front.operation.engine = taken.operation.engine;
  return taken;
}

void Scheduler::run(const Queue::Entry& entry) {
  happens_after(entry.signal.get());
  for (const Signal& signal : entry.operation.after) happens_after(signal.get());
  if (entry.operation.run) {
    cudaError_t error = begin_operation();
    if (error == cudaSuccess) {
      const ClosedForHostFunction closed(entry.operation.place == Place::host && machine().strict);
      error = run_or_explain(entry.operation);
    }
    if (error != cudaSuccess) report_late_error(error);
  }
  happens_before(entry.signal.get());
}

void Scheduler::finish(Queue& queue, Queue::Entry& entry) {
  const QuietLock lock(mutex_);
  entry.operation = Operation{};
  queue.waiting.pop_front();
  queue.running = false;
  entry.signal->done = true;
  entry.signal->at = std::chrono::steady_clock::now();
  entry.signal.reset();
  wake_who_may_start();
  finished_.notify_all();
}

void Scheduler::wake_who_may_start() {
  for (const auto& queue : queues_) {
    if (queue->closed || may_start(*queue)) queue->wake.notify_all();
  }
}

std::shared_ptr<Queue> Scheduler::draw_queue() {
  std::vector<std::shared_ptr<Queue>> candidates;
  std::copy_if(queues_.begin(), queues_.end(), std::back_inserter(candidates),
               [&](const auto& queue) { return may_start(*queue); });
  if (candidates.empty()) return nullptr;
  return candidates[random_() % candidates.size()];
}

/// Runs one operation on the calling thread, which drives; false when none may start.
bool Scheduler::run_one() {
  std::shared_ptr<Queue> queue;
  Queue::Entry entry;
  {
    const QuietLock lock(mutex_);
    queue = draw_queue();
    if (!queue) return false;
    entry = take(*queue);
  }
  run(entry);
  finish(*queue, entry);
  const QuietLock lock(mutex_);
  if (queue->closed && queue->waiting.empty() && !queue->has_worker) std::erase(queues_, queue);
  return true;
}

void Scheduler::jitter() {
  const unsigned limit_us = machine().jitter_us;
  if (limit_us == 0) return;
  std::uint64_t drawn = 0;
  {
    const QuietLock lock(mutex_);
    drawn = random_();
  }
  std::this_thread::sleep_for(std::chrono::microseconds(drawn % limit_us));
}

}  // namespace prophet::cuda_on_cpu
