#include "runtime/device/model_op_checks.hpp"

#include <fmt/format.h>

#include <cmath>
#include <initializer_list>

#include "kernels/kv_append.hpp"
#include "kernels/paged_attention.hpp"
#include "kernels/predictor_mlp.hpp"
#include "kernels/weights.hpp"
#include "runtime/device/view_checks.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t float4_bytes = 16;

void check_format(const char* operation, kernels::FloatFormat format) {
  if (kernels::is_known(format)) return;
  refuse_operation(
      operation, fmt::format("format {} is unknown, expected fp32, fp16 or bf16", static_cast<int>(format)));
}

void check_dimension(const char* operation, const char* what, std::uint64_t found) {
  if (found != 0 && found <= kernels::weights_dimension_max) return;
  refuse_operation(operation,
                   fmt::format("{} is {}, expected 1 to {}", what, found, kernels::weights_dimension_max));
}

void check_range(const char* operation, const char* what, std::uint64_t found, std::uint64_t min,
                 std::uint64_t max) {
  if (found >= min && found <= max) return;
  refuse_operation(operation, fmt::format("{} is {}, expected {} to {}", what, found, min, max));
}

/// Checks the shape, and returns the view to be checked.
NeededView matrix(const char* operation, const char* what, const WeightMatrix& weights) {
  check_format(operation, weights.format);
  check_dimension(operation, "the number of rows", weights.rows);
  check_dimension(operation, "the number of columns", weights.columns);
  return {what, weights.data, {weights.rows, weights.columns}, kernels::format_bytes(weights.format)};
}

/// Checks every view, and that the first one, which is written, is apart from the others.
void check_views(const BufferTable& buffers, const char* operation, const NeededView& written,
                 std::initializer_list<NeededView> read) {
  check_view(buffers, operation, written);
  for (const NeededView& one : read) {
    check_view(buffers, operation, one);
    check_apart(operation, written, one);
  }
}

NeededView block_table(const KvPagesView& kv) {
  return {"the block table", kv.block_table, {kv.sequences, kv.pages_max}};
}

/// Of one page, so that there is at least one.
NeededView pages(const KvPagesView& kv) {
  return {"the pages", kv.pages, {kv.page_bytes}, 1, float4_bytes};
}

void check_pages(const char* operation, const KvPagesView& kv, std::uint32_t kv_heads,
                 std::uint32_t head_dim) {
  check_format(operation, kv.format);
  check_dimension(operation, "kv_heads * head_dim", std::uint64_t{kv_heads} * head_dim);
  if (kv.page_tokens == 0 || kv.pages_max == 0) {
    refuse_operation(operation,
                     fmt::format("a page has {} tokens and a sequence {} pages, expected at least 1",
                                 kv.page_tokens, kv.pages_max));
  }
  const std::uint64_t token_bytes = kernels::kv_token_bytes(kv_heads, head_dim, kv.format);
  if (kv.page_bytes % float4_bytes != 0 || kv.page_bytes / token_bytes < kv.page_tokens) {
    refuse_operation(
        operation, fmt::format("a page has {} bytes, expected a multiple of {} with room for {} tokens of {}",
                               kv.page_bytes, float4_bytes, kv.page_tokens, token_bytes));
  }
}

}  // namespace

void check_model_op(const BufferTable& buffers, const EmbedOp& op) {
  const NeededView table = matrix(op.name, "the table", op.table);
  check_views(buffers, op.name, {"the output", op.output, {op.tokens, op.table.columns}},
              {table, {"the ids", op.ids, {op.tokens}}});
}

void check_model_op(const BufferTable& buffers, const NormOp& op) {
  check_format(op.name, op.format);
  check_dimension(op.name, "the number of columns", op.columns);
  if (!(op.epsilon >= 0 && op.epsilon <= 1)) {
    refuse_operation(op.name, fmt::format("epsilon is {}, expected 0 to 1", op.epsilon));
  }
  const NeededView input{"the input", op.input, {op.rows, op.columns}};
  const NeededView output{"the output", op.output, {op.rows, op.columns}};
  check_view(buffers, op.name, input);
  check_views(buffers, op.name, output,
              {{"the weight", op.weight, {op.columns}, kernels::format_bytes(op.format)}});
  const bool in_place =
      op.input.buffer == op.output.buffer && op.input.offset_bytes == op.output.offset_bytes;
  if (!in_place) check_apart(op.name, output, input);
}

void check_model_op(const BufferTable& buffers, const LinearOp& op) {
  const NeededView weights = matrix(op.name, "the matrix", op.weights);
  const NeededView output{"the output", op.output, {op.tokens, op.weights.rows}};
  check_views(buffers, op.name, output, {weights, {"the input", op.input, {op.tokens, op.weights.columns}}});
  if (op.bias == BufferView{}) return;
  check_views(buffers, op.name, output,
              {{"the bias", op.bias, {op.weights.rows}, kernels::format_bytes(op.weights.format)}});
}

void check_model_op(const BufferTable& buffers, const RotaryOp& op) {
  check_dimension(op.name, "heads * head_dim", std::uint64_t{op.heads} * op.head_dim);
  if (op.head_dim % 2 != 0) {
    refuse_operation(op.name, fmt::format("head_dim is {}, expected an even number", op.head_dim));
  }
  const std::uint64_t rows = op.table.size_bytes / sizeof(float) / op.head_dim;
  check_views(buffers, op.name, {"the values", op.values, {op.tokens, op.heads, op.head_dim}},
              {{"the table", op.table, {rows, op.head_dim}}, {"the positions", op.positions, {op.tokens}}});
}

void check_model_op(const BufferTable& buffers, const KvAppendOp& op) {
  check_pages(op.name, op.kv, op.kv_heads, op.head_dim);
  if (op.head_dim % 8 != 0) {
    refuse_operation(op.name, fmt::format("head_dim is {}, expected a multiple of 8", op.head_dim));
  }
  const ViewShape rows{op.tokens, op.kv_heads, op.head_dim};
  check_view(buffers, op.name, pages(op.kv));
  NeededView written = pages(op.kv);
  written.shape = {op.kv.pages.size_bytes};  // any page may be
  check_views(buffers, op.name, written,
              {block_table(op.kv),
               {"k", op.k, rows, sizeof(float), float4_bytes},
               {"v", op.v, rows, sizeof(float), float4_bytes},
               {"the positions", op.positions, {op.tokens}},
               {"the sequences of tokens", op.sequence_of, {op.tokens}}});
}

void check_model_op(const BufferTable& buffers, const AttentionOp& op) {
  check_pages(op.name, op.kv, op.kv_heads, op.head_dim);
  if (!kernels::has_heads(op.q_heads, op.kv_heads, op.head_dim)) {
    refuse_operation(
        op.name, fmt::format("{} query heads on {} KV heads of {} values, expected a multiple, at most {}, "
                             "and 64, 80, 96, 128 or 256 values",
                             op.q_heads, op.kv_heads, op.head_dim, kernels::attention_heads_max));
  }
  if (!std::isfinite(op.scale)) {
    refuse_operation(op.name, fmt::format("the scale is {}, expected a finite number", op.scale));
  }
  const ViewShape rows{op.kv.sequences, op.q_heads, op.head_dim};
  NeededView read_pages = pages(op.kv);
  check_view(buffers, op.name, read_pages);
  read_pages.shape = {op.kv.pages.size_bytes};
  check_views(buffers, op.name, {"the output", op.output, rows, sizeof(float), float4_bytes},
              {read_pages,
               block_table(op.kv),
               {"q", op.q, rows, sizeof(float), float4_bytes},
               {"the contexts", op.context_tokens, {op.kv.sequences}}});
}

void check_model_op(const BufferTable& buffers, const RouteOp& op) {
  if (!kernels::is_valid(op.rule)) {
    refuse_operation(op.name, fmt::format("{} of {} experts in {} groups, {} kept, is no rule of a router, "
                                          "expected at most {} of {} experts",
                                          op.rule.top_k, op.rule.experts, op.rule.groups, op.rule.groups_kept,
                                          kernels::router_top_k_max, kernels::router_experts_max));
  }
  const NeededView logits{"the logits", op.logits, {op.tokens, op.rule.experts}};
  const NeededView ids{"the ids", op.ids, {op.tokens, op.rule.top_k}};
  check_views(buffers, op.name, ids, {logits});
  check_views(buffers, op.name, {"the weights", op.weights, {op.tokens, op.rule.top_k}}, {logits, ids});
}

void check_model_op(const BufferTable& buffers, const MixOp& op) {
  check_dimension(op.name, "hidden_size", op.hidden_size);
  if (op.slots.size() != std::uint64_t{op.tokens} * op.top_k) {
    refuse_operation(op.name, fmt::format("{} slots, expected tokens * top_k = {} * {}", op.slots.size(),
                                          op.tokens, op.top_k));
  }
  const NeededView hidden{"hidden", op.hidden, {op.tokens, op.hidden_size}};
  check_view(buffers, op.name, hidden);
  if (op.top_k != 0) {
    const std::uint64_t rows = op.outputs.size_bytes / sizeof(float) / op.hidden_size;
    check_views(buffers, op.name, hidden,
                {{"the outputs", op.outputs, {rows, op.hidden_size}},
                 {"the weights", op.weights, {op.tokens, op.top_k}}});
    for (const std::uint32_t slot : op.slots) {
      if (slot < rows) continue;
      refuse_operation(op.name, fmt::format("slot {} of {} output rows is out of range", slot, rows));
    }
  }
  if (op.shared != BufferView{})
    check_views(buffers, op.name, hidden, {{"the shared expert", op.shared, {op.tokens, op.hidden_size}}});
  if (op.shared_gate == BufferView{}) return;
  if (op.shared == BufferView{}) refuse_operation(op.name, "a gate is given, expected the shared expert too");
  check_views(buffers, op.name, hidden, {{"the shared expert's gate", op.shared_gate, {op.tokens}}});
}

void check_model_op(const BufferTable& buffers, const ActivateOp& op) {
  if (!kernels::is_known(op.activation)) {
    refuse_operation(
        op.name, fmt::format("activation {} is unknown, expected 0 to {}", static_cast<int>(op.activation),
                             kernels::expert_activation_count - 1));
  }
  const NeededView gate{"the gate", op.gate, {op.values}};
  check_view(buffers, op.name, gate);
  if (kernels::is_gated(op.activation))
    check_views(buffers, op.name, gate, {{"the up projection", op.up, {op.values}}});
}

void check_model_op(const BufferTable& buffers, const PredictOp& op) {
  check_format(op.name, op.format);
  check_range(op.name, "the number of experts", op.experts, 1, kernels::predictor_experts_max);
  check_range(op.name, "the number of groups", op.groups, 1, kernels::predictor_layers_max + 1);
  check_range(op.name, "the number of ids of a group", op.ids_per_group, 1, kernels::predictor_top_k_max);
  check_range(op.name, "the number of lanes", op.lanes, 1, kernels::predictor_lanes_max);
  check_range(op.name, "the number of hidden units", op.hidden, 8, kernels::predictor_hidden_max);
  if (op.hidden % 8 != 0)
    refuse_operation(op.name, fmt::format("{} hidden units, expected a multiple of 8", op.hidden));
  const std::uint64_t weight_bytes = kernels::format_bytes(op.format);
  check_views(buffers, op.name,
              {"the logits",
               op.logits,
               {op.lanes, kernels::predictor_row_values(op.experts)},
               sizeof(float),
               float4_bytes},
              {{"w1", op.w1, {op.groups, op.experts, op.hidden}, weight_bytes, float4_bytes},
               {"b1", op.b1, {op.hidden}, sizeof(float), float4_bytes},
               {"w2", op.w2, {op.experts, op.hidden}, weight_bytes, float4_bytes},
               {"b2", op.b2, {op.experts}},
               {"the ids", op.ids, {op.groups, op.lanes, op.ids_per_group}}});
}

}  // namespace prophet
