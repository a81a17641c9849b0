#include "runtime/device/cpu/resolve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "prophet/error.hpp"
#include "runtime/device/model_work.hpp"

namespace prophet::cpu {
namespace {

LinkKind link_between(MemoryKind destination, MemoryKind source) {
  if (destination == source) return LinkKind::none;
  return destination == MemoryKind::device ? LinkKind::up : LinkKind::down;
}

float* floats(const BufferTable& buffers, BufferView view, const char* what) {
  if (view.offset_bytes % alignof(float) != 0) {
    throw Error(ErrorCode::usage,
                fmt::format("{} begins at offset {} of buffer {}, expected a multiple of {}", what,
                            view.offset_bytes, view.buffer.value, alignof(float)));
  }
  return reinterpret_cast<float*>(buffers.data(view));
}

std::uint64_t rows_held(BufferView view, std::uint32_t hidden_size) {
  return view.size_bytes / sizeof(float) / hidden_size;
}

Operation resolve_one(const BufferTable& buffers, const DenseOp& op) {
  DenseWork work;
  work.hidden = floats(buffers, op.hidden, "dense operation: hidden");
  if (op.weights != BufferView{}) {
    work.weights = floats(buffers, op.weights, "dense operation: the weights");
    work.rows = rows_held(op.weights, op.hidden_size);
  }
  work.tokens = op.tokens;
  work.hidden_size = op.hidden_size;
  return {work, 0, op.weights.size_bytes};
}

Operation resolve_one(const BufferTable& buffers, const ExpertOp& op) {
  ExpertWork work;
  const float* slab = floats(buffers, op.slab, "expert operation: the slab");
  work.layout = op.layout;
  work.activation = op.activation;
  work.slab = buffers.data(op.slab);
  work.expert = kernels::expert_matrices(slab, op.slab.size_bytes, op.hidden_size);
  if (op.layout == nullptr && work.expert.width == 0 && !op.rows.empty()) {
    throw Error(
        ErrorCode::usage,
        fmt::format("expert operation: the slab has {} bytes, expected at least 12 * hidden_size = {}",
                    op.slab.size_bytes, 12 * std::uint64_t{op.hidden_size}));
  }
  work.hidden = floats(buffers, op.hidden, "expert operation: hidden");
  work.output = floats(buffers, op.output, "expert operation: the output");
  work.rows = op.rows;
  work.tokens = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      rows_held(op.hidden, op.hidden_size), std::numeric_limits<std::uint32_t>::max()));
  work.verify = op.verify;
  if (op.verify) {
    work.verified = {buffers.data(op.slab), static_cast<std::size_t>(op.source.size_bytes)};
    work.checksum = op.checksum;
  }
  return {work, 0, op.slab.size_bytes};
}

Operation resolve_one(const BufferTable& buffers, const CombineOp& op) {
  CombineWork work;
  work.hidden = floats(buffers, op.hidden, "combine operation: hidden");
  work.outputs = floats(buffers, op.outputs, "combine operation: the outputs");
  work.slots = op.slots;
  work.output_rows = rows_held(op.outputs, op.hidden_size);
  work.tokens = op.tokens;
  work.top_k = op.top_k;
  work.hidden_size = op.hidden_size;
  return {work, 0, sizeof(float) * std::uint64_t{op.hidden_size} * op.slots.size()};
}

template <ModelOp Op>
Operation resolve_one(const BufferTable& buffers, const Op& op) {
  return {resolve_model_op(buffers, op), 0, bytes_of(op)};
}

}  // namespace

Operation resolve_copy(const BufferTable& buffers, BufferView destination, BufferView source,
                       std::uint64_t tag) {
  check_copy(buffers, destination, source);
  CopyWork work;
  work.destination = buffers.data(destination);
  work.source = buffers.data(source);
  work.size_bytes = source.size_bytes;
  work.link = link_between(buffers.check(destination, "copy: the destination").kind,
                           buffers.check(source, "copy: the source").kind);
  return {work, tag, source.size_bytes};
}

Operation resolve_compute(const BufferTable& buffers, const ComputeOp& op, std::uint64_t tag) {
  check_compute_op(buffers, op);
  Operation operation = std::visit([&](const auto& one) { return resolve_one(buffers, one); }, op);
  operation.tag = tag;
  return operation;
}

}  // namespace prophet::cpu
