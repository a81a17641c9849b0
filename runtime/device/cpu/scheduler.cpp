#include "runtime/device/cpu/scheduler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "prophet/limits.hpp"

namespace prophet::cpu {

Scheduler::Scheduler(double link_bytes_per_s, std::uint32_t host_threads)
    : link_bytes_per_s_(link_bytes_per_s), host_threads_(host_threads), origin_ns_(monotonic_ns()) {}

Scheduler::~Scheduler() {
  // A stream that is joined may still wait for a later one: that one's worker runs on until its own turn.
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    remove_stream(StreamId{static_cast<StreamId::rep>(i)});
  }
}

StreamId Scheduler::add_stream(StreamRole role) {
  const Lock lock(mutex_);
  const auto live =
      std::count_if(streams_.begin(), streams_.end(), [](const auto& s) { return s != nullptr; });
  if (live >= static_cast<std::ptrdiff_t>(limits::streams_max)) {
    throw Error(ErrorCode::usage, fmt::format("create_stream: {} streams exist, expected at most {}", live,
                                              limits::streams_max));
  }
  const StreamId id{static_cast<StreamId::rep>(streams_.size())};
  auto state = std::make_unique<StreamState>();
  state->id = id;
  state->role = role;
  if (role == StreamRole::host_compute) state->team = std::make_unique<HostTeam>(host_threads_);
  streams_.reserve(streams_.size() + 1);
  start_worker(*state);
  streams_.push_back(std::move(state));
  return id;
}

void Scheduler::start_worker(StreamState& state) {
  try {
    state.worker = std::thread([this, &state] { work(state); });
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("create_stream: the host refused a thread: {}", error.what()));
  }
}

void Scheduler::remove_stream(StreamId id) noexcept {
  StreamState* leaving = nullptr;
  {
    const Lock lock(mutex_);
    if (id.index() >= streams_.size() || streams_[id.index()] == nullptr) return;
    leaving = streams_[id.index()].get();
    leaving->stopping = true;
    wake(*leaving);
  }
  leaving->worker.join();
  const Lock lock(mutex_);
  streams_[id.index()].reset();
}

Ticket Scheduler::submit(StreamId id, const Operation& operation) {
  const Lock lock(mutex_);
  StreamState& to = stream(id);
  to.ring.push(operation);
  ++to.submitted;
  wake(to);
  return {id, to.submitted};
}

bool Scheduler::finished(Ticket ticket) {
  const Lock lock(mutex_);
  return has_come(ticket);
}

bool Scheduler::has_come(Ticket ticket) const noexcept {
  if (ticket.count == 0) return true;
  const auto& state = streams_[ticket.stream.index()];
  return state == nullptr || state->finished >= ticket.count;
}

bool Scheduler::all_drained() const noexcept {
  return std::all_of(streams_.begin(), streams_.end(),
                     [](const auto& s) { return s == nullptr || s->finished == s->submitted; });
}

StreamRole Scheduler::role(StreamId id) {
  const Lock lock(mutex_);
  return stream(id).role;
}

StreamTimes Scheduler::times(StreamId id) {
  const Lock lock(mutex_);
  return stream(id).times;
}

void Scheduler::set_timeline(TimelineSink* sink) {
  const Lock lock(mutex_);
  sink_ = sink;
}

Scheduler::StreamState& Scheduler::stream(StreamId id) {
  if (id.index() < streams_.size() && streams_[id.index()] != nullptr) return *streams_[id.index()];
  throw Error(ErrorCode::usage, fmt::format("stream {} does not exist, expected one that create_stream gave "
                                            "and destroy_stream has not taken",
                                            id.value));
}

void Scheduler::throw_latched() {
  if (!latched_) return;
  const Error error = *latched_;
  latched_.reset();
  throw error;
}

void Scheduler::latch(const Error& error) noexcept {
  if (!latched_) latched_ = error;  // the first is the cause; what follows is its consequence
}

void Scheduler::work(StreamState& own) {
  ask_for_exact_wakeups();
  Lock lock(mutex_);
  for (;;) {
    while (own.ring.empty() && !own.stopping) sleep(own, lock);
    if (own.ring.empty()) return;
    const Operation operation = own.ring[0];  // a copy: a growing ring moves its operations
    run(own, operation, lock);
    finish_front(own);
  }
}

void Scheduler::finish_front(StreamState& own) {
  const bool is_record = std::holds_alternative<RecordWork>(own.ring[0].work);
  own.ring.pop();
  ++own.finished;
  if (is_record) wake_all();
  if (host_waits_ && (is_record || own.ring.empty())) host_wakes_.notify_one();
}

void Scheduler::sleep(StreamState& own, Lock& lock) {
  own.asleep = true;
  own.wakes.wait(lock);
  own.asleep = false;
}

void Scheduler::wake(StreamState& other) {
  if (other.asleep) other.wakes.notify_one();
}

void Scheduler::wake_all() noexcept {
  for (const auto& state : streams_) {
    if (state != nullptr && !state->ring.empty()) wake(*state);
  }
}

}  // namespace prophet::cpu
