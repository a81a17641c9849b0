#include "runtime/device/sim_device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "prophet/error.hpp"
#include "runtime/device/buffer_table.hpp"
#include "runtime/device/sim/event_table.hpp"
#include "runtime/device/sim/order_checker.hpp"
#include "runtime/device/sim/queues.hpp"
#include "runtime/device/sim/records.hpp"
#include "runtime/device/sim/stream_table.hpp"
#include "runtime/device/sim/timing.hpp"

namespace prophet {
namespace {

using namespace sim;

void refuse_model_op(const ComputeOp& op) {
  const auto refuse = []<class Op>(const Op& one) {
    if constexpr (ModelOp<Op> && !SimulatedModelOp<Op>) {
      throw Error(
          ErrorCode::usage,
          fmt::format("{} operation: the sim moves no bytes and computes nothing, expected the device "
                      "cpu or cuda",
                      one.name));
    }
  };
  std::visit(refuse, op);
}

/// The host's clock and the seam. The model behind it is behind in time: it is run only as far as a question
/// needs, and never beyond what the host could still change.
///
/// Costs on the host's clock: a submission (copy, launch, record, wait) and a done() cost host_submit_ns, a
/// done() at least 1 ns so that polling makes progress; a synchronize or wait_any that finds its event done
/// costs host_submit_ns, one that waits ends host_wake_ns after the completion. What the host's thread says
/// that it has computed takes it the time of one of the host's cores.
class SimDevice final : public Device {
 public:
  SimDevice(const GpuProfile& profile, const SimOptions& options);

  [[nodiscard]] const DeviceInfo& info() const noexcept override { return info_; }

  [[nodiscard]] BufferView allocate(MemoryKind kind, std::uint64_t size_bytes) override;
  void free(BufferView whole) noexcept override;
  [[nodiscard]] std::span<std::byte> host_bytes(BufferView view) override;
  void declare_units(BufferView view, std::uint64_t stride_bytes, std::uint64_t unit_bytes) override;

  [[nodiscard]] StreamId create_stream(StreamRole role) override;
  void destroy_stream(StreamId stream) noexcept override;
  [[nodiscard]] EventId create_event() override { return events_.add(); }
  void destroy_event(EventId event) noexcept override { drop(events_.remove(event)); }

  void copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) override;
  void launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) override;
  void record(StreamId stream, EventId event) override;
  void wait(StreamId stream, EventId event) override;

  [[nodiscard]] bool done(EventId event) override;
  void synchronize(EventId event) override;
  std::size_t wait_any(std::span<const EventId> events) override;
  void synchronize() override;

  void host_computed(const HostWork& work) override { now_ns_ += timing_.host_thread_ns(work); }
  [[nodiscard]] std::uint64_t now_ns() override { return now_ns_; }
  [[nodiscard]] StreamTimes times(StreamId stream) override {
    return queues_.times(streams_.slot_of(stream));
  }
  void set_timeline(TimelineSink* sink) override { queues_.set_timeline(sink); }

 private:
  /// Operations may pile up to about this many before the model runs without being asked.
  static constexpr std::uint64_t pending_at_ease = 256;

  void pay_submission();
  void push(StreamSlot slot, const Work& work, std::uint64_t tag);
  void drop(RecordIndex record) noexcept;
  void host_waits_until(std::uint64_t completed_ns) noexcept;
  [[nodiscard]] std::uint64_t completed_ns(RecordIndex record) const noexcept {
    return record == no_record ? 0 : records_.at(record).completed_ns;
  }
  [[nodiscard]] std::size_t first_completed(std::span<const EventId> events);
  [[nodiscard]] Placement placement_of(StreamRole role, const ComputeOp& op) const noexcept {
    if (role == StreamRole::host_compute) return Placement::on_host;
    return reads_in_place(buffers_, role, op) ? Placement::in_place : Placement::on_device;
  }

  DeviceInfo info_;
  std::uint64_t host_submit_ns_;
  std::uint64_t host_wake_ns_;
  BufferTable buffers_;
  StreamTable streams_;
  EventTable events_;
  RecordPool records_;
  Timing timing_;
  OrderChecker checker_;
  Queues queues_;
  std::uint64_t now_ns_ = 0;
  std::uint64_t pending_before_running_ = pending_at_ease;
};

SimDevice::SimDevice(const GpuProfile& profile, const SimOptions& options)
    : info_{"sim",
            "sim:" + profile.name,
            true,
            false,
            profile.memory_bytes,
            true,
            static_cast<std::uint32_t>(profile.host_cores)},
      host_submit_ns_(profile.host_submit_ns),
      host_wake_ns_(profile.host_wake_ns),
      buffers_(profile.memory_bytes),
      timing_(profile, options.jitter_fraction, options.seed),
      checker_(options.check_happens_before),
      queues_(profile, records_) {}

BufferView SimDevice::allocate(MemoryKind kind, std::uint64_t size_bytes) {
  const BufferView whole = buffers_.add(kind, size_bytes);
  try {
    checker_.units().add_buffer(whole);
  } catch (...) {
    buffers_.remove(whole);
    throw;
  }
  return whole;
}

void SimDevice::free(BufferView whole) noexcept {
  if (buffers_.remove(whole)) checker_.units().remove_buffer(whole.buffer);
}

std::span<std::byte> SimDevice::host_bytes(BufferView view) {
  buffers_.check(view, "host_bytes");
  return {};
}

void SimDevice::declare_units(BufferView view, std::uint64_t stride_bytes, std::uint64_t unit_bytes) {
  buffers_.check(view, "declare_units");
  checker_.units().declare(view, stride_bytes, unit_bytes);
}

StreamId SimDevice::create_stream(StreamRole role) {
  const StreamId stream = streams_.add();
  const StreamSlot slot = streams_.slot_of(stream);
  queues_.open(slot, stream, role);
  checker_.open(slot, stream);
  return stream;
}

/// The host waits for the stream, as the joining of a worker thread does.
void SimDevice::destroy_stream(StreamId stream) noexcept {
  if (!streams_.knows(stream)) return;
  const StreamSlot slot = streams_.slot_of(stream);
  while (!queues_.drained(slot) && queues_.run_one(never_ns - 1)) {
  }
  if (queues_.drained_ns(slot) > now_ns_) host_waits_until(queues_.drained_ns(slot));
  checker_.host_saw_all_of(slot);
  streams_.remove(stream);
}

void SimDevice::pay_submission() {
  now_ns_ += host_submit_ns_;
  if (queues_.pending() < pending_before_running_ || now_ns_ == 0) return;
  queues_.run_until(now_ns_ - 1);
  pending_before_running_ = queues_.pending() + pending_at_ease;
}

void SimDevice::push(StreamSlot slot, const Work& work, std::uint64_t tag) {
  pay_submission();
  queues_.push_work(slot, work, tag, now_ns_);
}

void SimDevice::copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) {
  const StreamSlot slot = streams_.slot_of(stream);
  check_copy(buffers_, destination, source);
  queues_.reserve_one(slot);
  checker_.copy(slot, destination, source);
  push(slot, timing_.copy(buffers_.kind(destination), buffers_.kind(source), source.size_bytes), tag);
}

void SimDevice::launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) {
  const StreamSlot slot = streams_.slot_of(stream);
  refuse_model_op(op);
  check_compute_op(buffers_, op);
  check_stream_takes(buffers_, queues_.role(slot), op);
  const Placement placement = placement_of(queues_.role(slot), op);
  queues_.reserve_one(slot);
  checker_.launch(slot, op);
  push(slot, timing_.launch(op, placement), tag);
}

void SimDevice::record(StreamId stream, EventId event) {
  const StreamSlot slot = streams_.slot_of(stream);
  RecordIndex& latest = events_.record_of(event);
  queues_.reserve_one(slot);
  const RecordIndex made = records_.acquire();
  records_.at(made).clock = checker_.before_next(slot);
  records_.hold(made);  // one for the event, one for the queue
  drop(latest);
  latest = made;
  pay_submission();
  queues_.push_record(slot, made, now_ns_);
}

void SimDevice::wait(StreamId stream, EventId event) {
  const StreamSlot slot = streams_.slot_of(stream);
  const RecordIndex awaited = events_.record_of(event);
  queues_.reserve_one(slot);
  pay_submission();
  if (awaited == no_record) return;
  checker_.join(slot, records_.at(awaited).clock);
  records_.hold(awaited);
  queues_.push_wait(slot, awaited, now_ns_);
}

bool SimDevice::done(EventId event) {
  const RecordIndex record = events_.record_of(event);
  now_ns_ += std::max<std::uint64_t>(host_submit_ns_, 1);
  if (record == no_record) return true;
  queues_.run_until(now_ns_);
  if (completed_ns(record) > now_ns_) return false;
  checker_.host_saw(records_.at(record).clock);
  return true;
}

void SimDevice::synchronize(EventId event) {
  const RecordIndex record = events_.record_of(event);
  checker_.throw_wrong_content();
  if (record == no_record) return host_waits_until(0);
  queues_.run_until_known(record);
  host_waits_until(completed_ns(record));
  checker_.host_saw(records_.at(record).clock);
}

std::size_t SimDevice::wait_any(std::span<const EventId> events) {
  if (events.empty()) throw Error(ErrorCode::usage, "wait_any: no events were given, expected at least one");
  std::size_t first = first_completed(events);
  checker_.throw_wrong_content();
  // What is known may be later than what the model has not yet come to.
  while (queues_.run_one(completed_ns(events_.record_of(events[first])))) first = first_completed(events);
  const RecordIndex record = events_.record_of(events[first]);
  host_waits_until(completed_ns(record));
  if (record != no_record) checker_.host_saw(records_.at(record).clock);
  return first;
}

/// The position of the event whose known completion is the earliest, the first of them if there are several.
std::size_t SimDevice::first_completed(std::span<const EventId> events) {
  std::size_t first = 0;
  std::uint64_t first_ns = never_ns;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const std::uint64_t at_ns = completed_ns(events_.record_of(events[i]));
    if (at_ns < first_ns) {
      first = i;
      first_ns = at_ns;
    }
  }
  return first;
}

void SimDevice::synchronize() {
  checker_.throw_wrong_content();
  queues_.run_until(never_ns - 1);
  std::uint64_t drained_ns = 0;
  for (StreamSlot slot = 0; slot < limits::streams_max; ++slot) {
    drained_ns = std::max(drained_ns, queues_.drained_ns(slot));
    checker_.host_saw_all_of(slot);
  }
  host_waits_until(drained_ns);
}

void SimDevice::host_waits_until(std::uint64_t completed_ns) noexcept {
  now_ns_ = completed_ns > now_ns_ ? completed_ns + host_wake_ns_ : now_ns_ + host_submit_ns_;
}

void SimDevice::drop(RecordIndex record) noexcept {
  if (record != no_record) records_.release(record);
}

void require(bool good, const char* what, double value, const char* expected) {
  if (good) return;
  throw Error(ErrorCode::usage, fmt::format("sim device: {} is {}, expected {}", what, value, expected));
}

void require_rate(double rate, const char* what) {
  require(std::isfinite(rate) && rate > 0, what, rate, "more than 0");
}

void require_share(double share, const char* what) {
  require(share > 0 && share <= 1, what, share, "a share in (0, 1]");
}

}  // namespace

std::unique_ptr<Device> make_sim_device(const GpuProfile& stated, const SimOptions& options) {
  const GpuProfile profile = with_host_figures(stated);
  require_rate(profile.memory_bytes_per_s, "memory_bytes_per_s");
  require_rate(profile.flops_per_s, "flops_per_s");
  require_rate(profile.link_bytes_per_s, "link_bytes_per_s");
  require_rate(profile.link_down_bytes_per_s, "link_down_bytes_per_s");
  require_rate(profile.host_memory_bytes_per_s, "host_memory_bytes_per_s");
  require_rate(profile.host_flops_per_s, "host_flops_per_s");
  require_rate(profile.zero_copy_bytes_per_s, "zero_copy_bytes_per_s");
  require_share(profile.copy_rate_while_computing, "copy_rate_while_computing");
  require_share(profile.compute_rate_while_copying, "compute_rate_while_copying");
  require(std::isfinite(options.jitter_fraction) && options.jitter_fraction >= 0, "jitter_fraction",
          options.jitter_fraction, "0 or more");
  return std::make_unique<SimDevice>(profile, options);
}

}  // namespace prophet
