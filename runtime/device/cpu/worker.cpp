// What a worker of the cpu device does with one operation. The mutex is held on entry and on return, and
// never while bytes move, numbers are computed or a sink is called.
#include <algorithm>
#include <cstring>
#include <exception>
#include <type_traits>

#include "runtime/device/cpu/scheduler.hpp"

namespace prophet::cpu {

void Scheduler::run(StreamState& own, const Operation& operation, Lock& lock) {
  const auto run_one = [&]<class Work>(const Work& work) {
    if constexpr (std::is_same_v<Work, WaitWork>) {
      run_wait(own, work, lock);
    } else if constexpr (std::is_same_v<Work, CopyWork>) {
      run_copy(own, operation, work, lock);
    } else if constexpr (!std::is_same_v<Work, RecordWork>) {
      run_compute(own, operation, work, lock);
    }
  };
  std::visit(run_one, operation.work);
}

void Scheduler::run_wait(StreamState& own, const WaitWork& work, Lock& lock) {
  if (has_come(work.ticket)) return;
  const std::uint64_t start_ns = now_ns();
  while (!has_come(work.ticket)) sleep(own, lock);
  const std::uint64_t end_ns = now_ns();
  own.times.blocked_ns += end_ns - start_ns;
  TimelineSink* const sink = sink_;
  if (sink == nullptr) return;
  lock.unlock();
  emit(sink, {own.id, own.role, "wait", 0, 0, start_ns, end_ns});
  lock.lock();
}

void Scheduler::run_copy(StreamState& own, const Operation& operation, const CopyWork& work, Lock& lock) {
  if (work.link != LinkKind::none) take_link(own, work.link, lock);
  TimelineSink* const sink = sink_;
  lock.unlock();
  const std::uint64_t start_ns = now_ns();
  transfer(work, start_ns);
  const std::uint64_t end_ns = now_ns();
  if (sink != nullptr) {
    emit(sink, {own.id, own.role, "copy", operation.tag, operation.bytes, start_ns, end_ns});
  }
  lock.lock();
  own.times.busy_ns += end_ns - start_ns;
  give_link(work.link);
}

/// An expert that is computed from weights in place holds the link as a copy of them would.
constexpr LinkKind link_of(const ExpertWork& work) noexcept {
  return work.link;
}
template <class Work>
constexpr LinkKind link_of(const Work&) noexcept {
  return LinkKind::none;
}

template <class Work>
void Scheduler::compute(StreamState& own, const Work& work, std::uint64_t tag) {
  if constexpr (std::is_same_v<Work, ExpertWork>) {
    if (own.team != nullptr) return execute(work, tag, own.scratch, *own.team);
  }
  execute(work, tag, own.scratch);
}

template <class Work>
void Scheduler::run_compute(StreamState& own, const Operation& operation, const Work& work, Lock& lock) {
  const LinkKind link = link_of(work);
  if (link != LinkKind::none) take_link(own, link, lock);
  TimelineSink* const sink = sink_;
  lock.unlock();
  std::optional<Error> error;
  const std::uint64_t start_ns = now_ns();
  try {
    compute(own, work, operation.tag);
  } catch (const Error& refused) {
    error = refused;
  } catch (const std::exception& failed) {
    error = Error(ErrorCode::out_of_memory,
                  std::string("cpu device: workspace of an operation: ") + failed.what());
  }
  if (link != LinkKind::none) hold_link(operation.bytes, start_ns);
  const std::uint64_t end_ns = now_ns();
  if (sink != nullptr) {
    emit(sink, {own.id, own.role, work.name, operation.tag, operation.bytes, start_ns, end_ns});
  }
  lock.lock();
  own.times.busy_ns += end_ns - start_ns;
  if (error) latch(*error);
  give_link(link);
}

void Scheduler::take_link(StreamState& own, LinkKind link, Lock& lock) {
  bool& held = link_held_[static_cast<std::size_t>(link)];
  const auto yields = [&] { return own.role == StreamRole::prefetch_copy && demand_could_use(link); };
  while (held || yields()) sleep(own, lock);
  held = true;
}

void Scheduler::give_link(LinkKind link) noexcept {
  if (link == LinkKind::none) return;
  link_held_[static_cast<std::size_t>(link)] = false;
  wake_all();
}

bool Scheduler::demand_could_use(LinkKind link) const noexcept {
  return std::any_of(streams_.begin(), streams_.end(), [&](const auto& state) {
    return state != nullptr && state->role != StreamRole::prefetch_copy && next_uses(*state, link);
  });
}

bool Scheduler::next_uses(const StreamState& state, LinkKind link) const noexcept {
  for (std::size_t i = 0; i < state.ring.size(); ++i) {
    const auto& work = state.ring[i].work;
    if (const auto* copy = std::get_if<CopyWork>(&work)) return copy->link == link;
    if (std::holds_alternative<RecordWork>(work)) continue;
    const auto* wait = std::get_if<WaitWork>(&work);
    if (wait == nullptr || !has_come(wait->ticket)) return false;
  }
  return false;
}

void Scheduler::transfer(const CopyWork& work, std::uint64_t start_ns) const noexcept {
  if (work.size_bytes != 0) std::memmove(work.destination, work.source, work.size_bytes);
  if (work.link != LinkKind::none) hold_link(work.size_bytes, start_ns);
}

void Scheduler::hold_link(std::uint64_t size_bytes, std::uint64_t start_ns) const noexcept {
  if (link_bytes_per_s_ <= 0) return;
  const double held_ns = static_cast<double>(size_bytes) / link_bytes_per_s_ * 1e9;
  sleep_until_ns(origin_ns_ + start_ns + static_cast<std::uint64_t>(held_ns));
}

void Scheduler::emit(TimelineSink* sink, const TimelineSpan& span) noexcept {
  sink->on_span(span);
}

}  // namespace prophet::cpu
