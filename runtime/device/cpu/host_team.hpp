#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/parts.hpp"

namespace prophet::cpu {

/// Threads of the host that compute one operation together: the one that calls run, and helpers, which take
/// parts as they are free, so that one that comes late or loses its core holds up no more than the part that
/// it has begun. Helpers look out for the next operation for some microseconds, then sleep.
///
/// A mutex is taken some times an operation, never between parts, and by no thread that submits to a device:
/// helpers have to sleep somewhere, and entering under it is what keeps them out of operations that are over.
///
/// Invariants: a helper is inside an operation, counted, from entering it while it is open until it leaves;
/// run returns when its operation is closed and nobody is inside. `next_` is set only while nobody is.
///
/// Threads: one at a time calls run. Nothing is allocated after construction.
class HostTeam final : public kernels::PartRunner {
 public:
  /// `threads` in all, at least 1. Throws Error{out_of_memory} when the host refuses a thread.
  explicit HostTeam(std::uint32_t threads);
  ~HostTeam() override { disband(); }
  HostTeam(const HostTeam&) = delete;
  HostTeam& operator=(const HostTeam&) = delete;

  void run(std::size_t count, const kernels::Part& part) noexcept override;
  /// Ends the helpers, those inside an operation when it is done; later runs are their caller's alone. Any
  /// one thread may call this, beside run.
  void disband() noexcept;

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Job {
    std::size_t count = 0;
    const kernels::Part* part = nullptr;
  };

  void help() noexcept;
  [[nodiscard]] bool enter(std::uint64_t& seen, Job& job) noexcept;
  void leave() noexcept;
  void compute(const Job& job) noexcept;
  void open(const Job& job) noexcept;
  void close() noexcept;

  const std::size_t helpers_max_;
  std::mutex mutex_;
  std::condition_variable opened_;  // for helpers
  std::condition_variable left_;    // for the caller of run
  Job job_;                         // under the mutex, as the next three
  bool open_ = false;               // helpers may enter
  bool disbanded_ = false;
  std::size_t asleep_ = 0;
  std::atomic<std::uint64_t> jobs_{0};    // opened so far; written under the mutex
  std::atomic<std::uint32_t> inside_{0};  // helpers; written under the mutex
  std::atomic<std::size_t> next_{0};      // the part that nobody has taken yet
  std::vector<std::thread> helpers_;      // of the constructor, then of disband
};

}  // namespace prophet::cpu
