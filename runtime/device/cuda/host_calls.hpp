#pragma once

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/device/cpu/execute.hpp"
#include "runtime/device/cpu/host_team.hpp"
#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

/// Experts that the host computes in the order of one stream: each is a host function of CUDA, which runs on
/// a thread of the driver when what stands before it in the stream is done, calls nothing of CUDA, and keeps
/// an error instead of throwing. That thread leads a team of the host's: it waits for parts of its own
/// operation only, which no thread but theirs has a hand in. Calls are used again when they have run;
/// submission allocates only when more are under way than ever before.
///
/// Threads: the driver's runs them; everything else belongs to the thread that calls the device.
class HostCalls {
 public:
  /// `threads` compute each, the driver's among them. Throws Error{out_of_memory} when the host refuses one.
  HostCalls(Status& status, std::uint32_t threads) : status_(status), team_(threads) {}
  HostCalls(const HostCalls&) = delete;
  HostCalls& operator=(const HostCalls&) = delete;
  /// REQUIRES: what was launched has run, or never will.
  ~HostCalls() = default;
  /// Keeps them until the process ends, without the team's threads: of a lost device nobody knows which calls
  /// are still to come.
  static void abandon(std::unique_ptr<HostCalls> calls) noexcept;

  /// What `work` points to must stay valid until it has run.
  void launch(cudaStream_t stream, const cpu::ExpertWork& work, std::uint64_t tag);
  /// Throws the first error of a call since the last time. Called when the host has waited for the device.
  void throw_if_failed();

 private:
  struct Call {
    cpu::ExpertWork work;
    std::uint64_t tag = 0;
    HostCalls* of = nullptr;
    std::atomic<bool> under_way{false};
  };

  static void CUDART_CB run(void* call) noexcept;
  void keep(const Error& error) noexcept;
  [[nodiscard]] Call& unused();

  Status& status_;
  std::vector<std::unique_ptr<Call>> calls_;  ///< a ring in the order of submission; the next may be free
  std::size_t next_ = 0;
  cpu::Scratch scratch_;  ///< of the running call: those of one stream run one after another
  cpu::HostTeam team_;    ///< likewise
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::optional<Error> error_;  ///< under the mutex
};

}  // namespace prophet::cuda
