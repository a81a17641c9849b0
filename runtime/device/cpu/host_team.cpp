#include "runtime/device/cpu/host_team.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "prophet/error.hpp"
#include "runtime/device/cpu/clock.hpp"

namespace prophet::cpu {
namespace {

/// How long a thread looks out for what will come soon: an operation's second half, the next of a layer's
/// experts, the last part of another thread. To be woken takes about as long.
constexpr std::uint64_t look_out_ns = 50'000;

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// True when `come()` was before the time was over. Without yielding, which Linux takes for a wish to be
/// served last: where cores are shared, a helper that yields comes when all is done.
template <class Come>
bool look_out(Come come) noexcept {
  if (come()) return true;
  for (const std::uint64_t end_ns = monotonic_ns() + look_out_ns; monotonic_ns() < end_ns;) {
    pause();
    if (come()) return true;
  }
  return false;
}

}  // namespace

HostTeam::HostTeam(std::uint32_t threads) : helpers_max_(std::max(1U, threads) - 1) {
  helpers_.reserve(helpers_max_);
  try {
    while (helpers_.size() < helpers_max_) helpers_.emplace_back([this] { help(); });
  } catch (const std::system_error& error) {
    disband();
    throw Error(ErrorCode::out_of_memory,
                fmt::format("create_stream: the host refused thread {} of {} that compute experts: {}",
                            helpers_.size() + 2, threads, error.what()));
  }
}

void HostTeam::disband() noexcept {
  {
    const Lock lock(mutex_);
    disbanded_ = true;
    opened_.notify_all();
  }
  for (std::thread& helper : helpers_) {
    if (helper.joinable()) helper.join();
  }
}

void HostTeam::run(std::size_t count, const kernels::Part& part) noexcept {
  const Job job{count, &part};
  if (helpers_max_ == 0 || count <= 1) {
    for (std::size_t i = 0; i < count; ++i) part(i);
    return;
  }
  open(job);
  compute(job);
  close();
}

void HostTeam::open(const Job& job) noexcept {
  const Lock lock(mutex_);
  job_ = job;
  open_ = true;
  next_.store(0, std::memory_order_relaxed);
  jobs_.fetch_add(1, std::memory_order_release);
  if (job.count - 1 >= asleep_) {
    opened_.notify_all();
    return;
  }
  for (std::size_t wanted = job.count - 1; wanted != 0; --wanted) opened_.notify_one();
}

void HostTeam::close() noexcept {
  {
    const Lock lock(mutex_);
    open_ = false;
  }
  if (look_out([&] { return inside_.load(std::memory_order_acquire) == 0; })) return;
  Lock lock(mutex_);
  while (inside_.load(std::memory_order_relaxed) != 0) left_.wait(lock);
}

void HostTeam::compute(const Job& job) noexcept {
  for (std::size_t i = next_.fetch_add(1, std::memory_order_relaxed); i < job.count;
       i = next_.fetch_add(1, std::memory_order_relaxed)) {
    (*job.part)(i);
  }
}

void HostTeam::help() noexcept {
  Job job;
  for (std::uint64_t seen = 0; enter(seen, job);) {
    compute(job);
    leave();
  }
}

/// False when there will be no more to do. `seen` counts the operations that this helper need not look at.
bool HostTeam::enter(std::uint64_t& seen, Job& job) noexcept {
  const auto is_new = [&] { return jobs_.load(std::memory_order_acquire) != seen; };
  for (;;) {
    look_out(is_new);
    Lock lock(mutex_);
    if (!is_new()) {
      ++asleep_;
      while (!disbanded_ && !is_new()) opened_.wait(lock);
      --asleep_;
    }
    if (disbanded_) return false;
    seen = jobs_.load(std::memory_order_relaxed);
    if (!open_) continue;  // came too late
    job = job_;
    inside_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
}

void HostTeam::leave() noexcept {
  const Lock lock(mutex_);
  if (inside_.fetch_sub(1, std::memory_order_acq_rel) == 1 && !open_) left_.notify_one();
}

}  // namespace prophet::cpu
