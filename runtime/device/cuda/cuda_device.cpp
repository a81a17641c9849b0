#include "runtime/device/cuda_device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "prophet/error.hpp"
#include "runtime/base/log.hpp"
#include "runtime/device/buffer_table.hpp"
#include "runtime/device/cpu/clock.hpp"
#include "runtime/device/cpu/host_threads.hpp"
#include "runtime/device/cpu/resolve.hpp"
#include "runtime/device/cuda/backoff.hpp"
#include "runtime/device/cuda/event_table.hpp"
#include "runtime/device/cuda/gpu.hpp"
#include "runtime/device/cuda/launch_ops.hpp"
#include "runtime/device/cuda/memory_table.hpp"
#include "runtime/device/cuda/nvtx.hpp"
#include "runtime/device/cuda/resident_step.hpp"
#include "runtime/device/cuda/slab_alarm.hpp"
#include "runtime/device/cuda/stream_table.hpp"
#include "runtime/device/model_work.hpp"

namespace prophet {
namespace cuda {
namespace {

/// Left to workspaces, rings, graphs, cuBLAS and the driver, which brings code to the GPU only when it is
/// first launched, when no cap is given.
constexpr std::uint64_t reserve_bytes = 512ULL << 20;

DeviceInfo describe(const Gpu& gpu, const CudaOptions& options) {
  DeviceInfo info;
#ifdef PROPHET_CUDA_ON_CPU
  info.kind = "cuda-on-cpu";
  info.name = fmt::format("cuda:{} (test vehicle: no times)", gpu.ordinal);
  info.times_mean_something = false;
#else
  info.kind = "cuda";
  info.name = fmt::format("cuda:{} ({})", gpu.ordinal, gpu.name);
#endif
  info.memory_bytes = gpu.free_bytes > reserve_bytes ? gpu.free_bytes - reserve_bytes : gpu.free_bytes;
  if (options.memory_bytes != 0) info.memory_bytes = std::min(options.memory_bytes, gpu.free_bytes);
  info.host_cores = cpu::host_threads(options.host_cores);
  return info;
}

std::optional<std::uint32_t> crossover_of(const Gpu& gpu, const CudaOptions& options) {
  const std::uint32_t rows = options.crossover_rows.value_or(crossover_rows_of(gpu.figures));
  return rows == 0 ? std::nullopt : std::optional(rows);
}

/// What its compute streams need for that.
BlasOptions blas_of(const Gpu& gpu, std::optional<std::uint32_t> crossover_rows) {
  return {crossover_rows ? blas_workspace_bytes(gpu.figures) : 0};
}

std::uint64_t bytes_of(const DenseOp& op) noexcept {
  return op.weights.size_bytes;
}
std::uint64_t bytes_of(const ExpertOp& op) noexcept {
  return op.slab.size_bytes;
}
std::uint64_t bytes_of(const CombineOp& op) noexcept {
  return sizeof(float) * std::uint64_t{op.hidden_size} * op.slots.size();
}

/// The host thread's side of the cuda device; the GPU does the rest. Every call but free and destroy begins
/// with enter(), which refuses it when the device has been lost.
class CudaDeviceOnRuntime final : public CudaDevice {
 public:
  CudaDeviceOnRuntime(const Gpu& gpu, const CudaOptions& options)
      : info_(describe(gpu, options)),
        options_(options),
        crossover_rows_(crossover_of(gpu, options)),
        clock_options_{options.time_operations, nullptr, cpu::monotonic_ns()},
        memory_(info_.memory_bytes, gpu.numa_node, status_),
        streams_(status_, gpu.priorities, clock_options_, info_.host_cores, blas_of(gpu, crossover_rows_)),
        events_(status_),
        alarm_(status_),
        launcher_(memory_, alarm_.report(), crossover_rows_, status_) {}
  CudaDeviceOnRuntime(const CudaDeviceOnRuntime&) = delete;
  CudaDeviceOnRuntime& operator=(const CudaDeviceOnRuntime&) = delete;
  ~CudaDeviceOnRuntime() override {
    streams_.for_each([&](StreamState& stream) { finish(stream); });
  }

  [[nodiscard]] const DeviceInfo& info() const noexcept override { return info_; }
  [[nodiscard]] CudaMemoryReport memory_report() const override { return memory_.report(); }
  [[nodiscard]] CudaMemoryNow memory_now() override {
    enter("memory_now");
    std::size_t free_bytes = 0;
    std::size_t total_bytes = 0;
    status_.check(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo", "memory_now");
    return {total_bytes, free_bytes};
  }
  [[nodiscard]] std::optional<std::uint32_t> crossover_rows() const noexcept override {
    return crossover_rows_;
  }

  void* address(BufferView view) override {
    enter("address");
    memory_.buffers().check(view, "address: the view");
    return memory_.device_data(view);
  }
  CUstream_st* cuda_stream(StreamId stream) override {
    enter("cuda_stream");
    StreamState& state = streams_[stream];
    state.submit_copies(status_);
    return state.get();
  }

  BufferView allocate(MemoryKind kind, std::uint64_t size_bytes) override {
    enter("allocate");
    return memory_.allocate(kind, size_bytes);
  }
  void free(BufferView whole) noexcept override { memory_.free(whole); }
  std::span<std::byte> host_bytes(BufferView view) override {
    enter("host_bytes");
    return memory_.host_bytes(view);
  }
  void declare_units(BufferView view, std::uint64_t, std::uint64_t) override {
    enter("declare_units");
    memory_.buffers().check(view, "declare_units: the view");
  }

  StreamId create_stream(StreamRole role) override {
    enter("create_stream");
    return streams_.create(role);
  }
  void destroy_stream(StreamId stream) noexcept override {
    if (StreamState* const leaving = streams_.find(stream); leaving != nullptr) finish(*leaving);
    streams_.destroy(stream);
  }
  EventId create_event() override {
    enter("create_event");
    return events_.create();
  }
  void destroy_event(EventId event) noexcept override { events_.destroy(event); }

  void copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) override;
  void launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) override;
  void record(StreamId stream, EventId event) override;
  void wait(StreamId stream, EventId event) override;

  std::unique_ptr<ResidentStep> make_resident_step(const ResidentStepPlan& plan) override;

  bool done(EventId event) override;
  void synchronize(EventId event) override;
  std::size_t wait_any(std::span<const EventId> events) override;
  void synchronize() override;

  std::uint64_t now_ns() override {
    enter("now_ns");
    return cpu::monotonic_ns() - clock_options_.origin_ns;
  }
  StreamTimes times(StreamId stream) override {
    enter("times");
    StreamState& state = streams_[stream];
    state.clock.collect();
    return state.clock.times();
  }
  void set_timeline(TimelineSink* sink) override {
    enter("set_timeline");
    streams_.for_each([](StreamState& stream) { stream.clock.collect(); });
    clock_options_.sink = sink;
  }

 private:
  void enter(const char* where) {
    status_.refuse_if_lost(where);
    make_current(options_.ordinal, status_);
  }
  void launch_on_host(StreamState& to, const ComputeOp& op, std::uint64_t tag);
  [[nodiscard]] bool passed(cudaEvent_t event, const char* where);
  void submit_all_copies() {
    streams_.for_each([&](StreamState& stream) { stream.submit_copies(status_); });
  }
  void finish(StreamState& stream) noexcept;
  /// What the device has said while the host waited for it.
  void throw_what_came() {
    status_.throw_pending();
    alarm_.throw_if_rung();
    streams_.for_each([](StreamState& stream) {
      if (stream.host_calls) stream.host_calls->throw_if_failed();
    });
  }

  DeviceInfo info_;
  CudaOptions options_;
  std::optional<std::uint32_t> crossover_rows_;
  Status status_;
  ClockOptions clock_options_;
  MemoryTable memory_;
  StreamTable streams_;
  EventTable events_;
  SlabAlarm alarm_;
  OpLauncher launcher_;
};

void CudaDeviceOnRuntime::copy(StreamId stream, BufferView destination, BufferView source,
                               std::uint64_t tag) {
  const Status::Submission submission(status_);
  enter("copy");
  check_copy(memory_.buffers(), destination, source);
  StreamState& to = streams_[stream];
  if (source.size_bytes == 0) return;
  const NvtxRange range({"copy", tag, true, options_.experts, source.size_bytes});
  const PlainCopy copy{memory_.device_data(destination), memory_.device_data(source), source.size_bytes};
  if (!to.copies.fits(copy)) to.submit_copies(status_);
  to.copies.add(copy, tag);
  // A timeline shows every copy by itself.
  if (!options_.batch_copies || clock_options_.sink != nullptr) to.submit_copies(status_);
}

void CudaDeviceOnRuntime::launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) {
  const Status::Submission submission(status_);
  enter("launch");
  check_compute_op(memory_.buffers(), op);
  StreamState& to = streams_[stream];
  check_stream_takes(memory_.buffers(), to.role, op);
  to.submit_copies(status_);
  if (to.role == StreamRole::host_compute) return launch_on_host(to, op, tag);
  std::visit(
      [&](const auto& one) {
        const bool is_expert = std::holds_alternative<ExpertOp>(op);
        const NvtxRange range({one.name, tag, is_expert, options_.experts, bytes_of(one)});
        launcher_(to, one, tag);
        to.clock.end(one.name, tag, bytes_of(one));
      },
      op);
}

/// By the reference, on the addresses that the host knows the views by.
void CudaDeviceOnRuntime::launch_on_host(StreamState& to, const ComputeOp& op, std::uint64_t tag) {
  const cpu::Operation operation = cpu::resolve_compute(memory_.buffers(), op, tag);
  const auto& work = std::get<cpu::ExpertWork>(operation.work);
  const NvtxRange range({work.name, tag, true, options_.experts, operation.bytes});
  to.clock.begin();
  to.host_calls->launch(to.get(), work, tag);
  to.clock.end(work.name, tag, operation.bytes);
}

void CudaDeviceOnRuntime::record(StreamId stream, EventId event) {
  const Status::Submission submission(status_);
  enter("record");
  StreamState& to = streams_[stream];
  const cudaEvent_t recorded = events_[event];
  to.submit_copies(status_);
  status_.check(cudaEventRecord(recorded, to.get()), "cudaEventRecord", "record");
}

void CudaDeviceOnRuntime::wait(StreamId stream, EventId event) {
  const Status::Submission submission(status_);
  enter("wait");
  StreamState& to = streams_[stream];
  const cudaEvent_t awaited = events_[event];
  to.submit_copies(status_);
  if (passed(awaited, "wait")) return;  // nothing to wait for, and nothing to measure
  to.clock.begin();
  status_.check(cudaStreamWaitEvent(to.get(), awaited, cudaEventWaitDefault), "cudaStreamWaitEvent", "wait");
  to.clock.end_wait();
}

std::unique_ptr<ResidentStep> CudaDeviceOnRuntime::make_resident_step(const ResidentStepPlan& plan) {
  enter("make_resident_step");
  // It computes experts by the few-token kernels: no expert may have rows for the other way.
  if (crossover_rows_ && plan.tokens >= *crossover_rows_) return nullptr;
  if (!can_be_captured(plan)) return nullptr;
  synchronize();  // so that what CUDA refuses from here on is the graph, and no operation before it
  try {
    return std::make_unique<GraphedResidentStep>(
        plan, DeviceParts{memory_, streams_, alarm_, status_, options_.ordinal});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::check_failed) throw;
    // A driver that makes no such graph can still be given the operations one by one.
    log_warning(fmt::format("decode steps are not captured, because CUDA refuses it: {}", error.what()));
    return nullptr;
  }
}

bool CudaDeviceOnRuntime::passed(cudaEvent_t event, const char* where) {
  return status_.is_done(cudaEventQuery(event), "cudaEventQuery", where);
}

bool CudaDeviceOnRuntime::done(EventId event) {
  enter("done");
  const cudaEvent_t asked = events_[event];
  submit_all_copies();
  return passed(asked, "done");
}

void CudaDeviceOnRuntime::synchronize(EventId event) {
  enter("synchronize");
  const cudaEvent_t awaited = events_[event];
  submit_all_copies();
  status_.check(cudaEventSynchronize(awaited), "cudaEventSynchronize", "synchronize");
  throw_what_came();
}

std::size_t CudaDeviceOnRuntime::wait_any(std::span<const EventId> events) {
  enter("wait_any");
  if (events.empty()) throw Error(ErrorCode::usage, "wait_any: no events were given, expected at least one");
  for (const EventId event : events) static_cast<void>(events_[event]);
  submit_all_copies();
  for (Backoff backoff;; backoff.pause()) {
    for (std::size_t at = 0; at < events.size(); ++at) {
      if (!passed(events_[events[at]], "wait_any")) continue;
      throw_what_came();
      return at;
    }
  }
}

void CudaDeviceOnRuntime::synchronize() {
  enter("synchronize");
  submit_all_copies();
  streams_.for_each([&](StreamState& stream) {
    status_.check(cudaStreamSynchronize(stream.get()), "cudaStreamSynchronize", "synchronize");
    stream.clock.collect();
  });
  throw_what_came();
}

void CudaDeviceOnRuntime::finish(StreamState& stream) noexcept {
  if (status_.lost()) return;
  try {
    make_current(options_.ordinal, status_);
    stream.submit_copies(status_);
    if (status_.note(cudaStreamSynchronize(stream.get()), "cudaStreamSynchronize", "destroy_stream"))
      stream.clock.collect();
  } catch (const Error& error) {
    status_.keep(error);
  }
}

}  // namespace
}  // namespace cuda

std::unique_ptr<CudaDevice> make_cuda_device(const CudaOptions& options) {
  if (options.ordinal < 0) {
    throw Error(ErrorCode::usage,
                fmt::format("cuda device: ordinal is {}, expected at least 0", options.ordinal));
  }
  return std::make_unique<cuda::CudaDeviceOnRuntime>(cuda::open_gpu(options.ordinal), options);
}

}  // namespace prophet
