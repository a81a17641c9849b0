#include "runtime/device/sim/queues.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "runtime/base/checked.hpp"

namespace prophet::sim {
namespace {

constexpr unsigned fraction_bits = SharedRates::fraction_bits;
constexpr std::size_t compute = static_cast<std::size_t>(Engine::compute);

constexpr std::uint32_t bit(StreamSlot slot) {
  return 1U << slot;
}

/// Takes the lowest stream out of a bit mask that is not empty.
StreamSlot take_lowest(std::uint32_t& mask) {
  const auto slot = static_cast<StreamSlot>(std::countr_zero(mask));
  mask &= mask - 1;
  return slot;
}

/// Whether an engine serves `a` before `b` when it could serve both at one time.
bool goes_first(StreamRole a, std::uint64_t a_order, StreamRole b, std::uint64_t b_order) {
  const bool a_later = a == StreamRole::prefetch_copy;
  const bool b_later = b == StreamRole::prefetch_copy;
  return a_later != b_later ? b_later : a_order < b_order;
}

}  // namespace

Queues::Queues(const GpuProfile& profile, RecordPool& records)
    : records_(records), event_latency_ns_(profile.event_latency_ns), rates_(profile) {}

void Queues::open(StreamSlot slot, StreamId id, StreamRole role) {
  StreamState& stream = streams_[slot];
  stream.id = id;
  stream.role = role;
  stream.times = {};
}

void Queues::push_work(StreamSlot slot, const Work& work, std::uint64_t tag, std::uint64_t submitted_ns) {
  push(slot, {Kind::work, no_record, work, tag, submitted_ns, submitted_++});
}

void Queues::push_record(StreamSlot slot, RecordIndex record, std::uint64_t submitted_ns) {
  push(slot, {Kind::record, record, {}, 0, submitted_ns, submitted_++});
}

void Queues::push_wait(StreamSlot slot, RecordIndex record, std::uint64_t submitted_ns) {
  push(slot, {Kind::wait, record, {}, 0, submitted_ns, submitted_++});
}

void Queues::push(StreamSlot slot, const Op& op) {
  Ring<Op>& ops = streams_[slot].ops;
  ops.push(op);
  ++pending_;
  if (ops.size() == 1) settle(bit(slot));
}

void Queues::run_until(std::uint64_t limit_ns) {
  while (run_one(limit_ns)) {
  }
}

void Queues::run_until_known(RecordIndex record) {
  while (records_.at(record).completed_ns == never_ns && run_one(never_ns - 1)) {
  }
}

bool Queues::run_one(std::uint64_t limit_ns) {
  const Next next = find_next();
  if (next.time_ns > limit_ns || next.time_ns == never_ns) return false;
  next.finish ? finish(next) : start(next);
  return true;
}

Queues::Next Queues::find_next() const noexcept {
  Next best;
  for (std::size_t index = 0; index < engines; ++index) {
    const EngineState& engine = engines_[index];
    if (engine.running) {
      const bool sooner =
          engine.finish_ns < best.time_ns || (engine.finish_ns == best.time_ns && !best.finish);
      if (sooner) best = {engine.finish_ns, index, engine.slot, true};
    } else if (engine.waiting != 0) {
      const Next next = next_start(index);
      if (next.time_ns < best.time_ns) best = next;
    }
  }
  return best;
}

Queues::Next Queues::next_start(std::size_t index) const noexcept {
  const EngineState& engine = engines_[index];
  Next best;
  std::uint32_t waiting = engine.waiting;
  while (waiting != 0) {
    const StreamSlot slot = take_lowest(waiting);
    const StreamState& stream = streams_[slot];
    const Op& op = stream.ops.front();
    const std::uint64_t time_ns = std::max({stream.ready_ns, op.submitted_ns, engine.free_ns});
    const StreamState& rival = streams_[best.slot];
    const bool first =
        time_ns < best.time_ns ||
        (time_ns == best.time_ns && goes_first(stream.role, op.order, rival.role, rival.ops.front().order));
    if (first) best = {time_ns, index, slot, false};
  }
  return best;
}

void Queues::start(const Next& next) {
  EngineState& engine = engines_[next.engine];
  engine.waiting &= ~bit(next.slot);
  engine.running = true;
  engine.slot = next.slot;
  engine.start_ns = next.time_ns;
  engine.since_ns = next.time_ns;
  engine.left = streams_[next.slot].ops.front().work.duration_ns << fraction_bits;
  engine.rate = 0;
  rebalance(next.time_ns);
}

void Queues::finish(const Next& next) {
  EngineState& engine = engines_[next.engine];
  StreamState& stream = streams_[next.slot];
  engine.running = false;
  engine.free_ns = next.time_ns;
  rebalance(next.time_ns);
  const Op& op = stream.ops.front();
  stream.times.busy_ns += next.time_ns - engine.start_ns;
  stream.ready_ns = next.time_ns;
  report(stream, op.work.name, op, engine.start_ns, next.time_ns);
  pop(stream);
  settle(bit(next.slot));
}

void Queues::rebalance(std::uint64_t time_ns) noexcept {
  SharedRates::Running running;
  for (std::size_t index = 0; index < engines; ++index) running.engine[index] = engines_[index].running;
  const EngineState& computing = engines_[compute];
  running.in_place = computing.running && streams_[computing.slot].ops.front().work.in_place;
  for (std::size_t index = 0; index < engines; ++index) {
    if (engines_[index].running)
      set_rate(engines_[index], rates_.of(static_cast<Engine>(index), running), time_ns);
  }
}

void Queues::set_rate(EngineState& engine, std::uint64_t rate, std::uint64_t time_ns) noexcept {
  if (engine.rate == rate) return;
  engine.left -= std::min(engine.left, (time_ns - engine.since_ns) * engine.rate);
  engine.since_ns = time_ns;
  engine.rate = rate;
  engine.finish_ns = time_ns + ceil_div(engine.left, rate);
}

/// Resolves the records and waits at the heads of these streams and of those that they free.
void Queues::settle(std::uint32_t unsettled) {
  while (unsettled != 0) {
    const StreamSlot slot = take_lowest(unsettled);
    unsettled |= settle_stream(slot);
  }
}

/// Returns the streams that may go on because a record has completed.
std::uint32_t Queues::settle_stream(StreamSlot slot) {
  StreamState& stream = streams_[slot];
  std::uint32_t freed = 0;
  parked_ &= ~bit(slot);
  while (!stream.ops.empty()) {
    const Op& op = stream.ops.front();
    if (op.kind == Kind::work) {
      engines_[static_cast<std::size_t>(op.work.engine)].waiting |= bit(slot);
      return freed;
    }
    if (op.kind == Kind::record) {
      complete_record(stream);
      freed = parked_;
    } else if (!pass_wait(stream)) {
      parked_ |= bit(slot);
      return freed;
    }
  }
  return freed;
}

void Queues::complete_record(StreamState& stream) {
  const Op& op = stream.ops.front();
  stream.ready_ns = std::max(stream.ready_ns, op.submitted_ns);
  records_.at(op.record).completed_ns = stream.ready_ns;
  records_.release(op.record);
  pop(stream);
}

/// False when the completion of what the stream waits for is not known yet.
bool Queues::pass_wait(StreamState& stream) {
  const Op& op = stream.ops.front();
  const std::uint64_t completed_ns = records_.at(op.record).completed_ns;
  if (completed_ns == never_ns) return false;
  stream.ready_ns = std::max(stream.ready_ns, op.submitted_ns);
  if (completed_ns > stream.ready_ns) {
    const std::uint64_t end_ns = completed_ns + event_latency_ns_;
    stream.times.blocked_ns += end_ns - stream.ready_ns;
    report(stream, "wait", op, stream.ready_ns, end_ns);
    stream.ready_ns = end_ns;
  }
  records_.release(op.record);
  pop(stream);
  return true;
}

void Queues::pop(StreamState& stream) noexcept {
  stream.ops.pop();
  --pending_;
}

void Queues::report(const StreamState& stream, const char* name, const Op& op, std::uint64_t start_ns,
                    std::uint64_t end_ns) {
  if (sink_ == nullptr) return;
  sink_->on_span({stream.id, stream.role, name, op.tag, op.work.bytes, start_ns, end_ns});
}

}  // namespace prophet::sim
