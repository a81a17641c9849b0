#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "runtime/base/random.hpp"
#include "runtime/device/decorators/forwarding_device.hpp"
#include "runtime/device/handles.hpp"

namespace prophet::testing {

struct UnsteadyOptions {
  std::uint64_t seed = 0;
  double late_chance = 0;  ///< of each copy and each launch
  std::uint64_t late_bytes_max =
      4096;  ///< what is copied in its way; at most UnsteadyDevice::in_the_way_bytes
  double refused_prefetch_chance = 0;  ///< of each copy on a prefetch stream: Error{out_of_memory}
};

/// A device on which everything takes as long as it likes: before an operation, copies of nothing that anyone
/// needs go into the same stream, by chance; and copies of prefetches are refused, by chance. Counts what the
/// experts computed. One host thread, as any device.
class UnsteadyDevice final : public ForwardingDevice {
 public:
  static constexpr std::uint64_t in_the_way_bytes = 1U << 20;

  UnsteadyDevice(std::unique_ptr<Device> inner, const UnsteadyOptions& options);

  [[nodiscard]] StreamId create_stream(StreamRole role) override;
  void destroy_stream(StreamId stream) noexcept override;
  void copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) override;
  void launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) override;

  /// Pairs of a token and an expert that were launched.
  [[nodiscard]] std::uint64_t expert_evaluations() const noexcept { return expert_evaluations_; }
  [[nodiscard]] std::uint64_t late() const noexcept { return late_; }
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

 private:
  struct StreamState {
    StreamRole role = StreamRole::compute;
    std::unique_ptr<Buffer> from;  ///< of the stream alone: streams run at the same time
    std::unique_ptr<Buffer> to;
  };

  void be_late(StreamId stream, std::uint64_t tag);

  UnsteadyOptions options_;
  Random random_;
  std::map<std::uint32_t, StreamState> streams_;
  std::uint64_t expert_evaluations_ = 0;
  std::uint64_t late_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace prophet::testing
