#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/device/decorators/forwarding_device.hpp"

namespace prophet {

/// The calls of a Device that can be made to fail.
enum class DeviceCall : std::uint8_t {
  allocate,
  host_bytes,
  declare_units,
  create_stream,
  create_event,
  copy,
  launch,
  record,
  wait,
  done,
  synchronize_event,
  wait_any,
  synchronize,
  now_ns,
  times,
  set_timeline,
};
inline constexpr std::size_t device_calls = 16;

/// As an error sentence prints it: "copy", "synchronize_event".
[[nodiscard]] const char* device_call_name(DeviceCall call) noexcept;

/// What a planned fault does.
enum class FaultKind : std::uint8_t {
  refused,  ///< the call throws and the wrapped device never sees it
  failed,   ///< copy, launch, record, wait: the call returns, the operation is never run, and the next call
            ///< that synchronises throws; any other call: as `refused`
};

struct FaultPlan {
  DeviceCall call = DeviceCall::copy;
  std::uint64_t nth = 1;  ///< the first call to fail, counted from 1 over the life of the decorator
  ErrorCode code = ErrorCode::device_lost;
  FaultKind kind = FaultKind::refused;
  std::uint64_t count = 1;  ///< that many calls in a row fail
};

/// Fails chosen calls on their way to the device that it wraps, so that what stands above can be tested
/// against a device that refuses memory, loses a copy or is lost altogether. Without plans it changes
/// nothing. Once an error with ErrorCode::device_lost has been thrown, every later call but free and
/// destroy_* throws device_lost at once; info() stays readable.
class FaultyDevice final : public ForwardingDevice {
 public:
  FaultyDevice(std::unique_ptr<Device> inner, std::vector<FaultPlan> plans);

  /// One more plan. Throws Error{usage} for an `nth` or `count` of 0.
  void add(const FaultPlan& plan);
  /// Calls of that kind so far, failed ones included.
  [[nodiscard]] std::uint64_t calls(DeviceCall call) const noexcept {
    return calls_[static_cast<std::size_t>(call)];
  }

  [[nodiscard]] BufferView allocate(MemoryKind kind, std::uint64_t size_bytes) override;
  [[nodiscard]] std::span<std::byte> host_bytes(BufferView view) override;
  void declare_units(BufferView view, std::uint64_t stride_bytes, std::uint64_t unit_bytes) override;
  [[nodiscard]] StreamId create_stream(StreamRole role) override;
  [[nodiscard]] EventId create_event() override;
  void copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) override;
  void launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) override;
  void record(StreamId stream, EventId event) override;
  void wait(StreamId stream, EventId event) override;
  [[nodiscard]] bool done(EventId event) override;
  void synchronize(EventId event) override;
  std::size_t wait_any(std::span<const EventId> events) override;
  void synchronize() override;
  [[nodiscard]] std::uint64_t now_ns() override;
  [[nodiscard]] StreamTimes times(StreamId stream) override;
  void set_timeline(TimelineSink* sink) override;

 private:
  /// Counts the call and applies the plans. True when the call is to go through, false when its operation
  /// fails later; throws when it is refused.
  bool admit(DeviceCall call);
  void throw_pending();
  [[noreturn]] void raise(const Error& error);

  std::vector<FaultPlan> plans_;
  std::array<std::uint64_t, device_calls> calls_{};
  std::optional<Error> pending_;
  bool lost_ = false;
};

}  // namespace prophet
