#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/device/decorators/faulty_device.hpp"

namespace prophet::engine_test {

/// One call that reached a device: what was called, with which arguments, what it returned, and when.
struct LoggedCall {
  DeviceCall call = DeviceCall::copy;
  std::uint32_t kind = 0;  ///< of a launch: the position of its operation in ComputeOp
  StreamId stream{};
  EventId event{};
  std::uint64_t tag = 0;
  std::array<std::uint64_t, 4> arguments{};  ///< offsets, sizes, and a digest of the rest
  std::uint64_t result = 0;
  std::uint64_t now_ns = 0;  ///< after the call
  friend bool operator==(const LoggedCall&, const LoggedCall&) = default;
};

/// Sees every call that a replay makes of the device that it wraps, in order.
class LoggingDevice final : public ForwardingDevice {
 public:
  /// With `keep` the calls are kept; else only their hash is.
  LoggingDevice(std::unique_ptr<Device> inner, bool keep);

  [[nodiscard]] const std::vector<LoggedCall>& calls() const noexcept { return calls_; }
  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// The operation with which the n-th kept call was launched: 0 dense, 1 expert, 2 combine.
  static constexpr std::uint32_t dense = 0;
  static constexpr std::uint32_t expert = 1;
  static constexpr std::uint32_t combine = 2;

  void copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) override;
  void launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) override;
  void record(StreamId stream, EventId event) override;
  void wait(StreamId stream, EventId event) override;
  [[nodiscard]] bool done(EventId event) override;
  void synchronize(EventId event) override;
  std::size_t wait_any(std::span<const EventId> events) override;
  void synchronize() override;

 private:
  void note(LoggedCall call);

  std::vector<LoggedCall> calls_;
  bool keep_;
  std::uint64_t hash_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace prophet::engine_test
