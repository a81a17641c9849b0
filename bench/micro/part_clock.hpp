#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "predictor/predictor.hpp"
#include "runtime/device/decorators/forwarding_device.hpp"

namespace prophet::micro {

/// What the host does in a layer.
enum class Part : std::uint8_t {
  other,      ///< what is no decision: waits, launches, books
  device,     ///< calls of the device, wherever they are made: the sim steps its virtual time in them
  evict,      ///< takes in what the use model says, leases the layer's experts and lets others go
  schedule,   ///< ranks the forecast, plans and queues prefetches
  use_model,  ///< what policy forecast follows
  predictor,  ///< what prefetches follow
  count
};

/// Adds up what each part of a layer takes by the wall clock. Of a part that is interrupted by another, the
/// other's time is not its own. What reading the clock takes, once for each change of part, is measured
/// beforehand and left out.
class PartClock {
 public:
  PartClock() : reading_ns_(median_reading_ns()), since_ns_(clock_ns()) {}

  /// Forgets what has been added up.
  void reset() noexcept {
    enter(part_);
    spent_ns_ = {};
  }
  /// Time goes to `part` from now on. Returns which it went to.
  Part enter(Part part) noexcept {
    const std::uint64_t now_ns = clock_ns();
    const std::uint64_t took_ns = now_ns - since_ns_;
    spent_ns_[static_cast<std::size_t>(part_)] += took_ns - std::min(took_ns, reading_ns_);
    since_ns_ = now_ns;
    return std::exchange(part_, part);
  }
  [[nodiscard]] std::uint64_t spent_ns(Part part) const noexcept {
    return spent_ns_[static_cast<std::size_t>(part)];
  }
  /// What has been left out at each change of part.
  [[nodiscard]] std::uint64_t reading_ns() const noexcept { return reading_ns_; }

 private:
  static std::uint64_t median_reading_ns() {
    std::array<std::uint64_t, 1001> readings{};
    std::uint64_t last_ns = clock_ns();
    for (std::uint64_t& reading : readings) {
      const std::uint64_t now_ns = clock_ns();
      reading = now_ns - std::exchange(last_ns, now_ns);
    }
    std::nth_element(readings.begin(), readings.begin() + readings.size() / 2, readings.end());
    return readings[readings.size() / 2];
  }
  static std::uint64_t clock_ns() noexcept {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
  }

  std::array<std::uint64_t, static_cast<std::size_t>(Part::count)> spent_ns_{};
  std::uint64_t reading_ns_;
  std::uint64_t since_ns_;
  Part part_ = Part::other;
};

/// Time goes to one part while it lives, and then to the part that it went to before.
class Within {
 public:
  Within(PartClock& clock, Part part) noexcept : clock_(clock), before_(clock.enter(part)) {}
  ~Within() { clock_.enter(before_); }
  Within(const Within&) = delete;
  Within& operator=(const Within&) = delete;

 private:
  PartClock& clock_;
  Part before_;
};

/// The calls that a step makes are the device's time. The clock must outlive it.
class ClockedDevice final : public ForwardingDevice {
 public:
  ClockedDevice(std::unique_ptr<Device> inner, PartClock& clock)
      : ForwardingDevice(std::move(inner)), clock_(clock) {}

  void copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) override {
    const Within device(clock_, Part::device);
    inner().copy(stream, destination, source, tag);
  }
  void launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) override {
    const Within device(clock_, Part::device);
    inner().launch(stream, op, tag);
  }
  void record(StreamId stream, EventId event) override {
    const Within device(clock_, Part::device);
    inner().record(stream, event);
  }
  void wait(StreamId stream, EventId event) override {
    const Within device(clock_, Part::device);
    inner().wait(stream, event);
  }
  [[nodiscard]] bool done(EventId event) override {
    const Within device(clock_, Part::device);
    return inner().done(event);
  }
  void synchronize(EventId event) override {
    const Within device(clock_, Part::device);
    inner().synchronize(event);
  }
  std::size_t wait_any(std::span<const EventId> events) override {
    const Within device(clock_, Part::device);
    return inner().wait_any(events);
  }
  [[nodiscard]] std::uint64_t now_ns() override {
    const Within device(clock_, Part::device);
    return inner().now_ns();
  }

 private:
  PartClock& clock_;
};

/// What a predictor is told and asked is its own time, whoever asks. Both must outlive it.
class ClockedPredictor final : public Predictor {
 public:
  ClockedPredictor(Predictor& inner, PartClock& clock) : inner_(inner), clock_(clock) {}

  [[nodiscard]] std::string_view name() const noexcept override { return inner_.name(); }
  void start_lane(LaneId lane) override { inner_.start_lane(lane); }
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) override {
    const Within predictor(clock_, Part::predictor);
    inner_.observe(lane, layer, experts);
  }
  void prepare(LayerId made_at, LayerId target) override {
    const Within predictor(clock_, Part::predictor);
    inner_.prepare(made_at, target);
  }
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override {
    const Within predictor(clock_, Part::predictor);
    return inner_.forecast(made_at, target, probability);
  }

 private:
  Predictor& inner_;
  PartClock& clock_;
};

}  // namespace prophet::micro
