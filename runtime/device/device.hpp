#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>

#include "kernels/expert_activation.hpp"
#include "kernels/expert_layout.hpp"
#include "prophet/ids.hpp"
#include "runtime/device/buffer_view.hpp"
#include "runtime/device/model_ops.hpp"

namespace prophet {

using StreamId = Id<struct StreamTag>;
using EventId = Id<struct EventTag>;

enum class MemoryKind : std::uint8_t {
  device,       ///< the accelerator's own memory
  host_pinned,  ///< host memory that the copy engines reach at full rate
};

/// What a stream is for. Copies of `demand_copy` go before those of `prefetch_copy` whenever both could use
/// the link; an operation that has begun is not interrupted. What is launched on a `host_compute` stream runs
/// on the host's cores: experts only, whose slab, hidden states and output are all in host_pinned memory.
enum class StreamRole : std::uint8_t { compute, demand_copy, prefetch_copy, host_compute };

/// The always-resident part of one layer (attention, router, norms, shared experts) for `tokens` rows.
/// Bytes: hidden [tokens, hidden_size] fp32, read and written; weights [rows, hidden_size] fp32, read.
struct DenseOp {
  static constexpr const char* name = "dense";
  BufferView weights;
  BufferView hidden;
  std::uint32_t tokens = 0;
  std::uint32_t hidden_size = 0;
  std::uint64_t flops = 0;
};

/// One expert's feed-forward network over the rows that chose it. Without a layout the slab holds, as fp32
/// and contiguous, gate [width, hidden_size], up [width, hidden_size], down [hidden_size, width], with width
/// = slab.size_bytes / (12 * hidden_size), swiglu between them; bytes beyond are padding. With a layout it
/// holds what the layout says, the activation is any that has its projections, and the products are those of
/// kernels/expert_ffn_formats.hpp, each row's a function of the row alone; the slab begins on 16 bytes. Reads
/// hidden [tokens, hidden_size], writes output [rows.size(), hidden_size]. `rows` and `layout` must stay
/// valid until the operation has finished.
///
/// On a compute stream the slab may lie in host_pinned memory, the host store itself say: the device then
/// reads the weights in place, over the link, each time that it computes with them.
///
/// With `verify` the device compares what the slab holds with what it should: by `checksum` (see
/// kernels/checksum.hpp) where there are bytes, by the source each unit was copied from on the sim; a
/// difference ends in Error{check_failed} at the next call that synchronises.
struct ExpertOp {
  static constexpr const char* name = "expert";
  BufferView slab;
  BufferView source;  ///< the expert's place in the host store
  BufferView hidden;
  BufferView output;
  std::span<const std::uint32_t> rows;
  std::uint32_t hidden_size = 0;
  std::uint64_t flops = 0;
  std::uint64_t checksum = 0;
  bool verify = false;
  const kernels::SlabLayout* layout = nullptr;
  kernels::ExpertActivation activation = kernels::ExpertActivation::swiglu;
};

/// hidden[t] = rms_norm(hidden[t] + mean over r of outputs[slots[t * top_k + r]]), summed in the order of r,
/// so that the result does not depend on the order in which experts arrived. `slots` must stay valid until
/// the operation has finished.
struct CombineOp {
  static constexpr const char* name = "combine";
  BufferView hidden;
  BufferView outputs;
  std::span<const std::uint32_t> slots;
  std::uint32_t tokens = 0;
  std::uint32_t top_k = 0;
  std::uint32_t hidden_size = 0;
};

using ComputeOp = std::variant<DenseOp, ExpertOp, CombineOp, EmbedOp, NormOp, LinearOp, RotaryOp, KvAppendOp,
                               AttentionOp, RouteOp, MixOp, ActivateOp, PredictOp>;

struct DeviceInfo {
  std::string kind;                ///< "cpu", "sim", "cuda", or "cuda-on-cpu": the test vehicle
  std::string name;                ///< as a table prints it: "sim:h100-80gb"
  bool simulated = false;          ///< times are virtual and must be labelled so
  bool has_bytes = true;           ///< buffers hold real bytes; false on the sim
  std::uint64_t memory_bytes = 0;  ///< capacity for MemoryKind::device
  /// False on the test vehicle, which runs a GPU's code on the CPU: its times are never printed.
  bool times_mean_something = true;
};

/// Accumulated since the stream was created. What is neither busy nor blocked is time without work.
struct StreamTimes {
  std::uint64_t busy_ns = 0;     ///< an operation of the stream was running
  std::uint64_t blocked_ns = 0;  ///< nothing ran because the next operation waited for an event
};

/// One finished operation, as a timeline shows it.
struct TimelineSpan {
  StreamId stream;
  StreamRole role = StreamRole::compute;
  const char* name = "";  ///< static storage: "copy", "wait", or the operation's `name`
  std::uint64_t tag = 0;  ///< what the caller gave to the operation: an ExpertIndex, or a LayerId
  std::uint64_t bytes = 0;
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;
};

/// Receives spans; called from device threads, one thread at a time per stream.
class TimelineSink {
 public:
  virtual ~TimelineSink() = default;
  virtual void on_span(const TimelineSpan& span) = 0;
};

/// What the calling thread has computed between two calls of a device, for the device's next work.
struct HostWork {
  std::uint64_t bytes = 0;  ///< read
  std::uint64_t flops = 0;  ///< multiply-adds count as two
};

class ResidentStep;       // runtime/device/resident_step.hpp
struct ResidentStepPlan;  // as above

/// Everything that touches an accelerator goes through this seam.
///
/// Threads: one host thread at a time calls a Device. Order: operations of one stream run in the order of
/// submission; between streams only events order anything. Submission never waits for the device. Nothing
/// but allocate, create_*, make_* and set_timeline allocates host memory.
/// Errors: every call throws prophet::Error when the device refuses it, and then has changed nothing. An
/// error of an operation already submitted is thrown by the next synchronize or wait_any. After device_lost
/// every call but free and destroy_* throws device_lost at once.
class Device {
 public:
  virtual ~Device() = default;

  [[nodiscard]] virtual const DeviceInfo& info() const noexcept = 0;

  /// Memory of at least `size_bytes` (not 0), aligned to 256 bytes. Throws Error{out_of_memory}.
  [[nodiscard]] virtual BufferView allocate(MemoryKind kind, std::uint64_t size_bytes) = 0;
  /// Gives back what allocate returned. REQUIRES: no submitted operation uses it any more.
  virtual void free(BufferView whole) noexcept = 0;
  /// Host access to host_pinned bytes; empty where info().has_bytes is false.
  [[nodiscard]] virtual std::span<std::byte> host_bytes(BufferView view) = 0;
  /// Says that `view` is cut into slabs of `stride_bytes` and each slab is written in units of at most
  /// `unit_bytes`. The sim checks happens-before and contents at this grain; other devices ignore it.
  virtual void declare_units(BufferView view, std::uint64_t stride_bytes, std::uint64_t unit_bytes) = 0;

  [[nodiscard]] virtual StreamId create_stream(StreamRole role) = 0;
  virtual void destroy_stream(StreamId stream) noexcept = 0;
  [[nodiscard]] virtual EventId create_event() = 0;
  virtual void destroy_event(EventId event) noexcept = 0;

  /// Copies source to destination (equal sizes; either may be of any kind). `tag` is for the timeline.
  virtual void copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) = 0;
  virtual void launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) = 0;
  /// The event completes when everything submitted to the stream so far has. Recording again moves the event.
  virtual void record(StreamId stream, EventId event) = 0;
  /// What is submitted to the stream from now on waits for the event's latest record; none: no wait.
  virtual void wait(StreamId stream, EventId event) = 0;

  /// A whole decode step that the device runs by itself. Null where it has no way to: it is then made of the
  /// operations above. Allocates and waits for the device, as allocate does.
  [[nodiscard]] virtual std::unique_ptr<ResidentStep> make_resident_step(const ResidentStepPlan& plan);

  /// True when the event's latest record has completed, or there is none.
  [[nodiscard]] virtual bool done(EventId event) = 0;
  /// Host waits for the event's latest record.
  virtual void synchronize(EventId event) = 0;
  /// Host waits until one of `events` (not empty) is done and returns its position.
  virtual std::size_t wait_any(std::span<const EventId> events) = 0;
  /// Host waits for everything submitted.
  virtual void synchronize() = 0;

  /// The calling thread has computed this since its last call. Where time is virtual it takes its time now,
  /// as one of the host's cores; elsewhere the time has passed by itself and nothing happens.
  virtual void host_computed(const HostWork& work);

  /// The device's clock: virtual on the sim, monotonic wall clock elsewhere.
  [[nodiscard]] virtual std::uint64_t now_ns() = 0;
  /// REQUIRES: the host has waited for everything that was submitted to the stream.
  [[nodiscard]] virtual StreamTimes times(StreamId stream) = 0;
  /// From now on finished operations go to `sink`; nullptr ends it. REQUIRES: nothing submitted is
  /// unfinished.
  virtual void set_timeline(TimelineSink* sink) = 0;
};

}  // namespace prophet
