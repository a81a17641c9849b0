#include "runtime/device/buffer_table.hpp"

#include <fmt/format.h>

#include "prophet/error.hpp"
#include "runtime/device/model_op_checks.hpp"

namespace prophet {
namespace {

[[noreturn]] void refuse_usage(const std::string& sentence) {
  throw Error(ErrorCode::usage, sentence);
}

/// Rows of `hidden_size` fp32 values that `bytes` hold. REQUIRES: hidden_size is not 0.
std::uint64_t rows_held(std::uint64_t bytes, std::uint32_t hidden_size) {
  return bytes / (sizeof(float) * std::uint64_t{hidden_size});
}

void check_hidden_size(std::uint32_t hidden_size, const char* what) {
  if (hidden_size == 0) refuse_usage(fmt::format("{}: hidden_size is 0, expected at least 1", what));
}

void check_rows(BufferView view, std::uint64_t rows, std::uint32_t hidden_size, const char* what) {
  if (rows_held(view.size_bytes, hidden_size) < rows) {
    refuse_usage(fmt::format("{} has {} bytes, expected [{}, {}] fp32 values", what, view.size_bytes, rows,
                             hidden_size));
  }
}

void check(const BufferTable& buffers, const DenseOp& op) {
  check_hidden_size(op.hidden_size, "dense operation");
  if (op.weights != BufferView{}) buffers.check(op.weights, "dense operation: the weights");
  buffers.check(op.hidden, "dense operation: hidden");
  check_rows(op.hidden, op.tokens, op.hidden_size, "dense operation: hidden");
}

void check(const BufferTable& buffers, const ExpertOp& op) {
  check_hidden_size(op.hidden_size, "expert operation");
  buffers.check(op.slab, "expert operation: the slab");
  buffers.check(op.hidden, "expert operation: hidden");
  buffers.check(op.output, "expert operation: the output");
  check_rows(op.output, op.rows.size(), op.hidden_size, "expert operation: the output");
  const std::uint64_t tokens = rows_held(op.hidden.size_bytes, op.hidden_size);
  for (const std::uint32_t row : op.rows) {
    if (row >= tokens) {
      refuse_usage(fmt::format("expert operation: row {} of {} tokens is out of range", row, tokens));
    }
  }
  check_expert_layout(op);
  if (!op.verify) return;
  buffers.check(op.source, "expert operation: the source");
  if (op.source.size_bytes > op.slab.size_bytes) {
    refuse_usage(fmt::format("expert operation: the source has {} bytes, more than the slab's {}",
                             op.source.size_bytes, op.slab.size_bytes));
  }
}

void check(const BufferTable& buffers, const CombineOp& op) {
  check_hidden_size(op.hidden_size, "combine operation");
  buffers.check(op.hidden, "combine operation: hidden");
  buffers.check(op.outputs, "combine operation: the outputs");
  check_rows(op.hidden, op.tokens, op.hidden_size, "combine operation: hidden");
  if (op.slots.size() != std::uint64_t{op.tokens} * op.top_k) {
    refuse_usage(fmt::format("combine operation: {} slots, expected tokens * top_k = {} * {}",
                             op.slots.size(), op.tokens, op.top_k));
  }
  const std::uint64_t rows = rows_held(op.outputs.size_bytes, op.hidden_size);
  for (const std::uint32_t slot : op.slots) {
    if (slot >= rows) {
      refuse_usage(fmt::format("combine operation: slot {} of {} output rows is out of range", slot, rows));
    }
  }
}

}  // namespace

void BufferTable::check_room(MemoryKind kind, std::uint64_t size_bytes) const {
  if (size_bytes == 0) refuse_usage("allocate: 0 bytes were asked for, expected at least 1");
  if (kind == MemoryKind::device && size_bytes > free_bytes()) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("allocate: {} bytes of device memory were asked for, {} of {} are free",
                            size_bytes, free_bytes(), memory_bytes_));
  }
}

BufferView BufferTable::add(MemoryKind kind, std::uint64_t size_bytes, std::byte* data) {
  check_room(kind, size_bytes);
  const BufferId id{static_cast<BufferId::rep>(entries_.size())};
  entries_.push_back({size_bytes, data, kind, true});
  if (kind == MemoryKind::device) used_bytes_ += size_bytes;
  return {id, 0, size_bytes};
}

bool BufferTable::remove(BufferView whole) noexcept {
  if (!holds(whole)) return false;
  Entry& entry = entries_[whole.buffer.index()];
  if (whole.offset_bytes != 0 || whole.size_bytes != entry.size_bytes) return false;
  if (entry.kind == MemoryKind::device) used_bytes_ -= entry.size_bytes;
  entry = {};
  return true;
}

void BufferTable::refuse(BufferView view, const char* what) const {
  const std::size_t index = view.buffer.index();
  if (index >= entries_.size() || !entries_[index].live) {
    refuse_usage(fmt::format("{} names buffer {}, which is not allocated", what, view.buffer.value));
  }
  refuse_usage(fmt::format("{} takes {} bytes at offset {} of buffer {}, which has {} bytes", what,
                           view.size_bytes, view.offset_bytes, view.buffer.value,
                           entries_[index].size_bytes));
}

void check_copy(const BufferTable& buffers, BufferView destination, BufferView source) {
  buffers.check(destination, "copy: the destination");
  buffers.check(source, "copy: the source");
  if (destination.size_bytes != source.size_bytes) {
    refuse_usage(fmt::format("copy: the destination has {} bytes and the source {}, expected equal sizes",
                             destination.size_bytes, source.size_bytes));
  }
}

namespace {

void check_host_reaches(const BufferTable& buffers, BufferView view, const char* what) {
  if (buffers.kind(view) == MemoryKind::host_pinned) return;
  refuse_usage(
      fmt::format("expert operation on a host_compute stream: {} is in buffer {} of device memory, "
                  "expected host_pinned",
                  what, view.buffer.value));
}

}  // namespace

void check_stream_takes(const BufferTable& buffers, StreamRole role, const ComputeOp& op) {
  if (role != StreamRole::host_compute) return;
  const auto* const expert = std::get_if<ExpertOp>(&op);
  if (expert == nullptr) {
    refuse_usage(fmt::format("{} operation on a host_compute stream, which computes experts only",
                             std::visit([](const auto& one) { return one.name; }, op)));
  }
  check_host_reaches(buffers, expert->slab, "the slab");
  check_host_reaches(buffers, expert->hidden, "hidden");
  check_host_reaches(buffers, expert->output, "the output");
}

bool reads_in_place(const BufferTable& buffers, StreamRole role, const ComputeOp& op) noexcept {
  const auto* const expert = std::get_if<ExpertOp>(&op);
  return role != StreamRole::host_compute && expert != nullptr &&
         buffers.kind(expert->slab) == MemoryKind::host_pinned;
}

void check_compute_op(const BufferTable& buffers, const ComputeOp& op) {
  std::visit(
      [&]<class Op>(const Op& one) {
        if constexpr (ModelOp<Op>) {
          check_model_op(buffers, one);
        } else {
          check(buffers, one);
        }
      },
      op);
}

}  // namespace prophet
