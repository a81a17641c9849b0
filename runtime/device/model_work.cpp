#include "runtime/device/model_work.hpp"

#include <algorithm>
#include <limits>

namespace prophet {
namespace {

float* floats(const BufferTable& buffers, BufferView view) {
  return reinterpret_cast<float*>(buffers.data(view));
}

std::uint32_t* words(const BufferTable& buffers, BufferView view) {
  return reinterpret_cast<std::uint32_t*>(buffers.data(view));
}

/// Null for a view that an operation may leave out.
float* floats_or_null(const BufferTable& buffers, BufferView view) {
  return view == BufferView{} ? nullptr : floats(buffers, view);
}

kernels::Weights weights_of(const BufferTable& buffers, const WeightMatrix& matrix) {
  return {buffers.data(matrix.data), matrix.format, matrix.rows, matrix.columns};
}

kernels::KvPages pages_of(const BufferTable& buffers, const KvPagesView& kv) {
  const std::uint64_t pages = kv.pages.size_bytes / kv.page_bytes;
  return {.base = buffers.data(kv.pages),
          .grid = {.slab_bytes = kv.page_bytes, .pages_per_slab = 1, .page_bytes = kv.page_bytes},
          .pages = static_cast<std::uint32_t>(
              std::min<std::uint64_t>(pages, std::numeric_limits<std::uint32_t>::max())),
          .page_tokens = kv.page_tokens,
          .format = kv.format,
          .sequences = kv.sequences,
          .pages_max = kv.pages_max,
          .block_table = words(buffers, kv.block_table)};
}

std::uint64_t bytes_of_floats(std::uint64_t count) {
  return sizeof(float) * count;
}

}  // namespace

EmbedWork resolve_model_op(const BufferTable& buffers, const EmbedOp& op) {
  return {{.table = weights_of(buffers, op.table),
           .ids = words(buffers, op.ids),
           .output = floats(buffers, op.output),
           .tokens = op.tokens}};
}

NormWork resolve_model_op(const BufferTable& buffers, const NormOp& op) {
  return {{.input = floats(buffers, op.input),
           .output = floats(buffers, op.output),
           .weight = buffers.data(op.weight),
           .format = op.format,
           .rows = op.rows,
           .columns = op.columns,
           .epsilon = op.epsilon}};
}

LinearWork resolve_model_op(const BufferTable& buffers, const LinearOp& op) {
  return {{.weights = weights_of(buffers, op.weights),
           .bias = op.bias == BufferView{} ? nullptr : buffers.data(op.bias),
           .input = floats(buffers, op.input),
           .output = floats(buffers, op.output),
           .tokens = op.tokens,
           .accumulate = op.accumulate}};
}

RotaryWork resolve_model_op(const BufferTable& buffers, const RotaryOp& op) {
  return {{.values = floats(buffers, op.values),
           .table = floats(buffers, op.table),
           .positions = words(buffers, op.positions),
           .positions_max = op.table.size_bytes / sizeof(float) / op.head_dim,
           .tokens = op.tokens,
           .heads = op.heads,
           .head_dim = op.head_dim}};
}

KvAppendWork resolve_model_op(const BufferTable& buffers, const KvAppendOp& op) {
  return {pages_of(buffers, op.kv),
          {.k = buffers.data(op.k),
           .v = buffers.data(op.v),
           .format = kernels::FloatFormat::fp32,
           .tokens = op.tokens,
           .kv_heads = op.kv_heads,
           .head_dim = op.head_dim,
           .positions = words(buffers, op.positions),
           .sequence_of = words(buffers, op.sequence_of)}};
}

AttentionWork resolve_model_op(const BufferTable& buffers, const AttentionOp& op) {
  return {pages_of(buffers, op.kv),
          {.q = buffers.data(op.q),
           .output = buffers.data(op.output),
           .q_heads = op.q_heads,
           .kv_heads = op.kv_heads,
           .head_dim = op.head_dim,
           .context_tokens = words(buffers, op.context_tokens),
           .context_tokens_max = op.context_tokens_max,
           .scale = op.scale,
           .window_tokens = op.window_tokens}};
}

RouteWork resolve_model_op(const BufferTable& buffers, const RouteOp& op) {
  return {floats(buffers, op.logits), words(buffers, op.ids), floats(buffers, op.weights), op.rule,
          op.tokens};
}

MixWork resolve_model_op(const BufferTable& buffers, const MixOp& op) {
  MixWork work{{.hidden = floats(buffers, op.hidden),
                .slots = op.slots,
                .shared = floats_or_null(buffers, op.shared),
                .shared_gate = floats_or_null(buffers, op.shared_gate),
                .tokens = op.tokens,
                .top_k = op.top_k,
                .hidden_size = op.hidden_size}};
  if (op.top_k != 0) {
    work.call.outputs = floats(buffers, op.outputs);
    work.call.output_rows = op.outputs.size_bytes / sizeof(float) / op.hidden_size;
    work.call.weights = floats(buffers, op.weights);
  }
  return work;
}

ActivateWork resolve_model_op(const BufferTable& buffers, const ActivateOp& op) {
  const bool gated = kernels::is_gated(op.activation);
  return {{.gate = floats(buffers, op.gate),
           .up = gated ? floats(buffers, op.up) : nullptr,
           .activation = op.activation,
           .values = op.values}};
}

PredictWork resolve_model_op(const BufferTable& buffers, const PredictOp& op) {
  PredictWork work;
  work.weights = {.format = op.format,
                  .experts = op.experts,
                  .recent_layers = op.groups - 1,
                  .hidden = op.hidden,
                  .activation = kernels::PredictorActivation::relu,
                  .w1 = buffers.data(op.w1),
                  .b1 = floats(buffers, op.b1),
                  .w2 = buffers.data(op.w2),
                  .b2 = floats(buffers, op.b2)};
  const std::uint32_t* const ids = words(buffers, op.ids);
  work.input = {.recent = ids,
                .previous = ids + std::uint64_t{op.groups - 1} * op.lanes * op.ids_per_group,
                .lanes = op.lanes,
                .top_k = op.ids_per_group};
  work.logits = floats(buffers, op.logits);
  return work;
}

std::uint64_t bytes_of(const EmbedOp& op) noexcept {
  return bytes_of_floats(std::uint64_t{op.tokens} * op.table.columns);
}

std::uint64_t bytes_of(const NormOp& op) noexcept {
  return bytes_of_floats(std::uint64_t{op.rows} * op.columns);
}

std::uint64_t bytes_of(const LinearOp& op) noexcept {
  return kernels::format_bytes(op.weights.format) * op.weights.rows * op.weights.columns;
}

std::uint64_t bytes_of(const RotaryOp& op) noexcept {
  return bytes_of_floats(std::uint64_t{op.tokens} * op.heads * op.head_dim);
}

std::uint64_t bytes_of(const KvAppendOp& op) noexcept {
  return op.tokens * kernels::kv_token_bytes(op.kv_heads, op.head_dim, op.kv.format);
}

std::uint64_t bytes_of(const AttentionOp& op) noexcept {
  return bytes_of_floats(std::uint64_t{op.kv.sequences} * op.q_heads * op.head_dim);
}

std::uint64_t bytes_of(const RouteOp& op) noexcept {
  return bytes_of_floats(std::uint64_t{op.tokens} * op.rule.experts);
}

std::uint64_t bytes_of(const MixOp& op) noexcept {
  return bytes_of_floats(std::uint64_t{op.hidden_size} * op.slots.size());
}

std::uint64_t bytes_of(const ActivateOp& op) noexcept {
  return bytes_of_floats(op.values);
}

std::uint64_t bytes_of(const PredictOp& op) noexcept {
  const std::uint64_t rows = std::uint64_t{op.groups} * op.lanes * op.ids_per_group + op.experts;
  return kernels::format_bytes(op.format) * rows * op.hidden;
}

}  // namespace prophet
