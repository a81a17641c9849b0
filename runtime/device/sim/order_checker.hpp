#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "runtime/device/device.hpp"
#include "runtime/device/sim/unit_table.hpp"
#include "runtime/device/sim/vector_clock.hpp"

namespace prophet::sim {

/// Proves, by vector clocks and whatever the timing, that no operation uses memory that another may still be
/// using, and that experts are computed from their own weights.
///
/// Order comes from: one stream's own order; a wait, after all that its record came after; and the host,
/// which submits after all that it has seen finished. An unordered use is Error{check_failed} of the
/// submitting call. A wrong content of an ExpertOp with `verify` is kept for the next call that synchronises.
class OrderChecker {
 public:
  /// Without `check_order` only contents are followed.
  explicit OrderChecker(bool check_order) : check_order_(check_order) {}

  [[nodiscard]] UnitTable& units() noexcept { return units_; }
  void open(StreamSlot slot, StreamId id) noexcept { names_[slot] = id; }

  /// Each throws Error{check_failed} and then has changed nothing.
  void copy(StreamSlot slot, BufferView destination, BufferView source);
  void launch(StreamSlot slot, const ComputeOp& op);

  /// All that comes before what the stream is given next.
  [[nodiscard]] const VectorClock& before_next(StreamSlot slot) noexcept;
  /// The stream waits for a record with this clock.
  void join(StreamSlot slot, const VectorClock& record) noexcept { clocks_[slot].join(record); }
  /// The host has seen that a record with this clock is complete.
  void host_saw(const VectorClock& record) noexcept;
  /// The host has seen that all of the stream is complete.
  void host_saw_all_of(StreamSlot slot) noexcept;

  /// Throws the first wrong content found since the last call, if there was one.
  void throw_wrong_content();

 private:
  struct Uses;

  static Uses uses_of(const DenseOp& op);
  static Uses uses_of(const ExpertOp& op);
  static Uses uses_of(const CombineOp& op);
  static Uses uses_of(const LinearOp& op);
  static Uses uses_of(const PredictOp& op);
  template <ModelOp Op>
  static Uses uses_of(const Op& op);
  void use(StreamSlot slot, const Uses& uses);
  void verify(StreamSlot slot, const ExpertOp& op);
  [[noreturn]] void refuse(StreamSlot slot, BufferView view, const Uses& uses, bool writes,
                           const Conflict& conflict) const;
  [[nodiscard]] std::string place_name(BufferId buffer, std::uint64_t offset_bytes) const;

  bool check_order_;
  UnitTable units_;
  std::array<VectorClock, limits::streams_max> clocks_{};
  std::array<std::uint64_t, limits::streams_max> joined_host_{};  // host_version_ at the last join
  std::array<StreamId, limits::streams_max> names_{};
  VectorClock host_;
  std::uint64_t host_version_ = 0;
  std::optional<std::string> wrong_content_;
};

}  // namespace prophet::sim
