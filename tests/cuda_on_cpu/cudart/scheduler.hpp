#pragma once

#include <driver_types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

namespace prophet::cuda_on_cpu {

/// That an operation is done. Guarded by the scheduler; told by Scheduler::is_done and wait.
struct Completion {
  bool done = false;
  std::chrono::steady_clock::time_point at;
};
using Signal = std::shared_ptr<Completion>;

/// What a copy occupies: one copy a direction runs at a time on a device.
enum class Engine { none, to_device, to_host };

enum class Place {
  device,  ///< may touch device memory
  host,    ///< a host function: device memory is as closed to it as to the rest of the host
};

/// One thing that a stream does. `run` may be empty: then it only marks a place in the order.
struct Operation {
  std::function<cudaError_t()> run;
  Engine engine = Engine::none;
  Place place = Place::device;
  std::vector<Signal> after;  ///< beside what came before in the same queue
};

/// The order of one stream's operations, run one after another. Everything in it belongs to the scheduler.
struct Queue {
  int device = 0;
  int priority = 0;  ///< lower goes first
  struct Entry {
    Operation operation;
    Signal signal;
  };
  std::deque<Entry> waiting;
  Signal last;
  bool running = false;
  bool closed = false;
  bool has_worker = false;
  std::condition_variable wake;
};

/// Runs operations of all queues, each queue in order, never before what they come after.
///
/// Usually each queue has a thread. In strict mode (control.hpp) nothing runs until a call waits for
/// something; then the waiting thread runs, one by one, operations drawn among those that may start, until
/// what it waits for is done. Every function may be called from any thread; operations must not call the
/// scheduler.
class Scheduler {
 public:
  static Scheduler& instance();

  [[nodiscard]] std::shared_ptr<Queue> open(int device, int priority);
  /// What was submitted still runs.
  void close(const std::shared_ptr<Queue>& queue);

  Signal submit(const std::shared_ptr<Queue>& queue, Operation operation);
  /// Null when nothing was ever submitted.
  [[nodiscard]] Signal last(const Queue& queue);
  /// A null signal is done. In strict mode asking lets one operation run, so that who polls comes to an end.
  [[nodiscard]] bool is_done(const Signal& signal);
  void wait(const Signal& signal);
  /// Waits for everything submitted so far.
  void wait_for_all();
  [[nodiscard]] std::chrono::steady_clock::time_point done_at(const Signal& signal);

  void set_seed(std::uint64_t seed);
  void set_strict(bool strict);

 private:
  class Drive;

  void work(const std::shared_ptr<Queue>& queue);
  [[nodiscard]] bool may_start(const Queue& queue) const;
  [[nodiscard]] bool engine_is_free(const Queue& queue) const;
  [[nodiscard]] bool is_ready(const Queue& queue) const;
  Signal put(const std::shared_ptr<Queue>& queue, Operation operation);
  [[nodiscard]] Queue::Entry take(Queue& queue);
  void finish(Queue& queue, Queue::Entry& entry);
  void wake_who_may_start();
  [[nodiscard]] std::shared_ptr<Queue> draw_queue();
  bool run_one();
  static void run(const Queue::Entry& entry);
  void jitter();

  std::mutex mutex_;
  std::condition_variable finished_;
  std::vector<std::shared_ptr<Queue>> queues_;
  bool strict_ = false;
  std::mt19937_64 random_{1};
  std::mutex driver_;  ///< held by the thread that runs operations in strict mode
};

}  // namespace prophet::cuda_on_cpu
