#include "runtime/device/cuda/host_calls.hpp"

#include <exception>
#include <string>
#include <utility>

namespace prophet::cuda {

void HostCalls::abandon(std::unique_ptr<HostCalls> calls) noexcept {
  calls->team_.disband();
  static auto& abandoned = *new std::vector<std::unique_ptr<HostCalls>>;
  static auto& mutex = *new std::mutex;
  const std::lock_guard lock(mutex);
  abandoned.push_back(std::move(calls));
}

void HostCalls::launch(cudaStream_t stream, const cpu::ExpertWork& work, std::uint64_t tag) {
  Call& call = unused();
  call.work = work;
  call.tag = tag;
  call.of = this;
  call.under_way.store(true, std::memory_order_relaxed);
  const cudaError_t launched = cudaLaunchHostFunc(stream, &HostCalls::run, &call);
  if (launched != cudaSuccess) call.under_way.store(false, std::memory_order_relaxed);
  status_.check(launched, "cudaLaunchHostFunc", "expert operation on the host");
}

HostCalls::Call& HostCalls::unused() {
  if (calls_.empty() || calls_[next_]->under_way.load(std::memory_order_acquire))
    calls_.insert(calls_.begin() + static_cast<std::ptrdiff_t>(next_), std::make_unique<Call>());
  Call& call = *calls_[next_];
  next_ = (next_ + 1) % calls_.size();
  return call;
}

void CUDART_CB HostCalls::run(void* argument) noexcept {
  Call& call = *static_cast<Call*>(argument);
  HostCalls& own = *call.of;
  try {
    cpu::execute(call.work, call.tag, own.scratch_, own.team_);
  } catch (const Error& error) {
    own.keep(error);
  } catch (const std::exception& error) {
    own.keep(Error(ErrorCode::out_of_memory,
                   std::string("expert operation on the host: its workspace: ") + error.what()));
  }
  call.under_way.store(false, std::memory_order_release);
}

void HostCalls::keep(const Error& error) noexcept {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = error;  // the first is the cause; what follows is its consequence
  failed_.store(true, std::memory_order_release);
}

void HostCalls::throw_if_failed() {
  if (!failed_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(mutex_);
  failed_.store(false, std::memory_order_relaxed);
  throw *std::exchange(error_, std::nullopt);  // NOLINT: failed_ says that there is one
}

}  // namespace prophet::cuda
