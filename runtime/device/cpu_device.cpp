#include "runtime/device/cpu_device.hpp"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/device/buffer_table.hpp"
#include "runtime/device/cpu/event_table.hpp"
#include "runtime/device/cpu/host_memory.hpp"
#include "runtime/device/cpu/host_threads.hpp"
#include "runtime/device/cpu/resolve.hpp"
#include "runtime/device/cpu/scheduler.hpp"

namespace prophet {
namespace {

/// The host thread's side of the cpu device: it checks views and turns them into addresses; the scheduler's
/// workers do the rest.
class CpuDevice final : public Device {
 public:
  CpuDevice(std::uint64_t memory_bytes, double link_bytes_per_s, std::uint32_t host_threads)
      : info_{"cpu", "cpu", false, true, memory_bytes, true, host_threads},
        buffers_(memory_bytes),
        scheduler_(link_bytes_per_s, host_threads) {}

  [[nodiscard]] const DeviceInfo& info() const noexcept override { return info_; }

  BufferView allocate(MemoryKind kind, std::uint64_t size_bytes) override {
    buffers_.check_room(kind, size_bytes);
    HostMemory memory(size_bytes);
    memory_.reserve(memory_.size() + 2);
    const BufferView view = buffers_.add(kind, size_bytes, memory.data());
    if (memory_.size() <= view.buffer.index()) memory_.resize(view.buffer.index() + 1);
    memory_[view.buffer.index()] = std::move(memory);
    return view;
  }

  void free(BufferView whole) noexcept override {
    if (buffers_.remove(whole)) memory_[whole.buffer.index()] = HostMemory();
  }

  std::span<std::byte> host_bytes(BufferView view) override {
    if (buffers_.check(view, "host_bytes: the view").kind != MemoryKind::host_pinned) {
      throw Error(
          ErrorCode::usage,
          fmt::format("host_bytes: buffer {} is device memory, expected host_pinned", view.buffer.value));
    }
    return {buffers_.data(view), static_cast<std::size_t>(view.size_bytes)};
  }

  void declare_units(BufferView view, std::uint64_t, std::uint64_t) override {
    buffers_.check(view, "declare_units: the view");
  }

  StreamId create_stream(StreamRole role) override { return scheduler_.add_stream(role); }
  void destroy_stream(StreamId stream) noexcept override { scheduler_.remove_stream(stream); }
  EventId create_event() override { return events_.create(); }
  void destroy_event(EventId event) noexcept override { events_.destroy(event); }

  void copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) override {
    scheduler_.submit(stream, cpu::resolve_copy(buffers_, destination, source, tag));
  }
  void launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) override {
    cpu::Operation operation = cpu::resolve_compute(buffers_, op, tag);
    const StreamRole role = scheduler_.role(stream);
    check_stream_takes(buffers_, role, op);
    if (reads_in_place(buffers_, role, op))
      std::get<cpu::ExpertWork>(operation.work).link = cpu::LinkKind::up;
    scheduler_.submit(stream, operation);
  }
  void record(StreamId stream, EventId event) override {
    cpu::Ticket& latest = events_[event];
    latest = scheduler_.submit(stream, {cpu::RecordWork{}});
  }
  void wait(StreamId stream, EventId event) override {
    scheduler_.submit(stream, {cpu::WaitWork{events_[event]}});
  }

  bool done(EventId event) override { return scheduler_.finished(events_[event]); }

  void synchronize(EventId event) override {
    const cpu::Ticket ticket = events_[event];
    scheduler_.wait_until([&] { return scheduler_.has_come(ticket); });
  }

  std::size_t wait_any(std::span<const EventId> events) override {
    if (events.empty())
      throw Error(ErrorCode::usage, "wait_any: no events were given, expected at least one");
    for (const EventId event : events) static_cast<void>(events_[event]);
    std::size_t found = 0;
    scheduler_.wait_until([&] {
      for (found = 0; found < events.size(); ++found) {
        if (scheduler_.has_come(events_[events[found]])) return true;
      }
      return false;
    });
    return found;
  }

  void synchronize() override {
    scheduler_.wait_until([&] { return scheduler_.all_drained(); });
  }

  std::uint64_t now_ns() override { return scheduler_.now_ns(); }
  StreamTimes times(StreamId stream) override { return scheduler_.times(stream); }
  void set_timeline(TimelineSink* sink) override { scheduler_.set_timeline(sink); }

 private:
  DeviceInfo info_;
  BufferTable buffers_;
  std::vector<HostMemory> memory_;  // by BufferId
  cpu::EventTable events_;
  cpu::Scheduler scheduler_;  // last: its workers are gone before the memory that they use
};

}  // namespace

std::unique_ptr<Device> make_cpu_device(const CpuOptions& options) {
  if (!std::isfinite(options.link_bytes_per_s) || options.link_bytes_per_s < 0) {
    throw Error(ErrorCode::usage,
                fmt::format("cpu device: link_bytes_per_s is {}, expected a finite number, 0 "
                            "for no throttle",
                            options.link_bytes_per_s));
  }
  const std::uint64_t memory_bytes =
      options.memory_bytes != 0 ? options.memory_bytes : host_available_bytes();
  return std::make_unique<CpuDevice>(memory_bytes, options.link_bytes_per_s,
                                     cpu::host_threads(options.host_cores));
}

}  // namespace prophet
