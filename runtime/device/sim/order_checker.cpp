#include "runtime/device/sim/order_checker.hpp"

#include <fmt/format.h>

#include <utility>

#include "prophet/error.hpp"

namespace prophet::sim {

/// What one operation does to memory. A view that is read and written stands in `writes` only.
struct OrderChecker::Uses {
  const char* name;
  std::array<BufferView, 2> reads;
  BufferView write;
};

OrderChecker::Uses OrderChecker::uses_of(const DenseOp& op) {
  return {"dense operation", {op.weights, {}}, op.hidden};
}

OrderChecker::Uses OrderChecker::uses_of(const ExpertOp& op) {
  return {"expert operation", {op.slab, op.hidden}, op.output};
}

OrderChecker::Uses OrderChecker::uses_of(const CombineOp& op) {
  return {"combine operation", {op.outputs, {}}, op.hidden};
}

OrderChecker::Uses OrderChecker::uses_of(const LinearOp& op) {
  return {"linear operation", {op.weights.data, op.input}, op.output};
}

/// The weights are one buffer, of which w1 stands for all.
OrderChecker::Uses OrderChecker::uses_of(const PredictOp& op) {
  return {"predict operation", {op.w1, op.ids}, op.logits};
}

/// The device has refused it.
template <ModelOp Op>
OrderChecker::Uses OrderChecker::uses_of(const Op& op) {
  return {op.name, {}, {}};
}

void OrderChecker::copy(StreamSlot slot, BufferView destination, BufferView source) {
  use(slot, {"copy", {source, {}}, destination});
  units_.note_origin(destination, source);
}

void OrderChecker::launch(StreamSlot slot, const ComputeOp& op) {
  const Uses uses = std::visit([](const auto& one) { return uses_of(one); }, op);
  use(slot, uses);
  units_.forget_origin(uses.write);
  const auto* expert = std::get_if<ExpertOp>(&op);
  if (expert != nullptr && expert->verify) verify(slot, *expert);
}

void OrderChecker::use(StreamSlot slot, const Uses& uses) {
  if (!check_order_) return;
  const VectorClock& clock = before_next(slot);
  for (const BufferView& view : uses.reads) {
    const Conflict conflict = units_.find_read_conflict(view, clock);
    if (!conflict.earlier.none()) refuse(slot, view, uses, false, conflict);
  }
  const Conflict conflict = units_.find_write_conflict(uses.write, clock);
  if (!conflict.earlier.none()) refuse(slot, uses.write, uses, true, conflict);

  const Access access{Epoch(slot, clock.seen[slot] + 1), &clock};
  for (const BufferView& view : uses.reads) units_.note_read(view, access);
  units_.note_write(uses.write, access);
  ++clocks_[slot].seen[slot];
}

const VectorClock& OrderChecker::before_next(StreamSlot slot) noexcept {
  if (joined_host_[slot] != host_version_) {
    clocks_[slot].join(host_);
    joined_host_[slot] = host_version_;
  }
  return clocks_[slot];
}

void OrderChecker::host_saw(const VectorClock& record) noexcept {
  host_.join(record);
  ++host_version_;
}

void OrderChecker::host_saw_all_of(StreamSlot slot) noexcept {
  host_saw(clocks_[slot]);
}

void OrderChecker::verify(StreamSlot slot, const ExpertOp& op) {
  if (wrong_content_ || op.slab.slice(0, op.source.size_bytes) == op.source) return;
  std::uint64_t offset_bytes = 0;
  if (units_.is_copy_of(op.slab.slice(0, op.source.size_bytes), op.source, &offset_bytes)) return;
  wrong_content_ = fmt::format(
      "expert operation on stream {}: {} at offset {} does not hold the bytes of buffer {} at offset {} that "
      "it should have been copied from",
      names_[slot].value, place_name(op.slab.buffer, offset_bytes), offset_bytes, op.source.buffer.value,
      op.source.offset_bytes + (offset_bytes - op.slab.offset_bytes));
}

void OrderChecker::throw_wrong_content() {
  if (!wrong_content_) return;
  throw Error(ErrorCode::check_failed, *std::exchange(wrong_content_, std::nullopt));
}

void OrderChecker::refuse(StreamSlot slot, BufferView view, const Uses& uses, bool writes,
                          const Conflict& conflict) const {
  const unsigned earlier = names_[conflict.earlier.slot()].value;
  throw Error(ErrorCode::check_failed,
              fmt::format("{} on stream {} {} {}, which no event orders after the {} by stream {}; record an "
                          "event there after its last use and wait for it here",
                          uses.name, names_[slot].value, writes ? "writes" : "reads",
                          place_name(view.buffer, conflict.offset_bytes),
                          conflict.earlier_wrote ? "write" : "read", earlier));
}

std::string OrderChecker::place_name(BufferId buffer, std::uint64_t offset_bytes) const {
  const UnitPlace place = units_.place(buffer, offset_bytes);
  if (!place.declared) return fmt::format("buffer {} (not cut into units)", buffer.value);
  return fmt::format("unit {} of slab {} of buffer {}", place.unit, place.slab, buffer.value);
}

}  // namespace prophet::sim
