#include "bench/measure/kernel_work.hpp"

#include "kernels/mla_attention.hpp"
#include "runtime/base/checked.hpp"

namespace prophet::measure {
namespace {

using kernels::ExpertFormat;
using kernels::FloatFormat;

double number(std::uint64_t value) {
  return static_cast<double>(value);
}

double bytes_of(FloatFormat format) {
  return number(kernels::format_bytes(format));
}

/// Matrices of an expert, each of hidden_size * width values.
double matrices(const kernels::SlabLayout& layout) {
  return layout.shape.gated ? 3 : 2;
}

double values(const kernels::SlabLayout& layout) {
  return matrices(layout) * number(layout.shape.hidden_size) * number(layout.shape.width);
}

/// Operations that decode one stored value: kernels/expert_crossover.hpp's d.
double decode_operations(ExpertFormat format) {
  if (format == ExpertFormat::fp32) return 0;
  return kernels::format_info(format).value_bits == 16 ? 1 : 3;
}

}  // namespace

Work checksum_work(std::uint64_t expert_bytes) {
  return {number(expert_bytes), 2 * number(expert_bytes)};
}

Work copy_with_checksum_work(std::uint64_t expert_bytes) {
  return {2 * number(expert_bytes), 2 * number(expert_bytes)};
}

Work page_fill_work(std::uint64_t pages, std::uint64_t page_bytes) {
  const double bytes = number(pages) * number(page_bytes);
  return {bytes, 1.5 * bytes};
}

Work page_verify_work(std::uint64_t pages, std::uint64_t page_bytes) {
  const double bytes = number(pages) * number(page_bytes);
  return {bytes, 1.7 * bytes};
}

Work page_move_work(std::uint64_t pages, std::uint64_t page_bytes) {
  return {2 * number(pages) * number(page_bytes), 0};
}

Work combine_work(std::uint64_t tokens, std::uint64_t top_k, std::uint64_t hidden) {
  return {4 * number(tokens) * number(hidden) * number(2 + top_k),
          number(tokens) * number(hidden) * number(top_k + 4)};
}

Work dense_work(std::uint64_t tokens, std::uint64_t rows, std::uint64_t hidden) {
  const double fold = 4 * number(hidden) * number(rows + 2 * tokens);
  const double update = 12 * number(tokens) * number(hidden);
  return {fold + update, 2 * number(tokens) * number(hidden) * number(rows + 1), OperationsOn::vector};
}

Work router_work(std::uint64_t tokens, std::uint64_t experts, std::uint64_t top_k, std::uint64_t id_bytes,
                 bool has_bias) {
  const double bias = has_bias ? 4 * number(experts) : 0;
  return {bias + number(tokens) * (4 * number(experts) + number(top_k * (4 + id_bytes))),
          30 * number(tokens) * number(experts)};
}

Work resolve_work(std::uint64_t tokens, std::uint64_t experts, std::uint64_t top_k) {
  return {16 * number(tokens * top_k) + 20 * number(experts), 40 * number(tokens * top_k + experts)};
}

Work predictor_work(std::uint64_t lanes, std::uint64_t recent_layers, std::uint64_t top_k,
                    std::uint64_t hidden, std::uint64_t experts) {
  const double bag = number(lanes * (recent_layers + 1) * top_k) * number(hidden) * 2;
  const double logits = 2 * number(experts) * number(hidden);
  return {bag + logits, 2 * number(lanes) * number(experts) * number(hidden)};
}

Work predict_missing_work(std::uint64_t lanes, std::uint64_t experts, std::uint64_t top_m) {
  return {4 * number(lanes * experts) + 8 * number(top_m) + 4, number(experts) * number(experts)};
}

Work graph_gate_work() {
  return {4, 1};
}

Work embed_work(std::uint64_t tokens, std::uint64_t columns, FloatFormat format) {
  return {number(tokens) * number(columns) * (bytes_of(format) + 4), 0};
}

Work rms_norm_work(std::uint64_t rows, std::uint64_t columns, FloatFormat format) {
  const double values = number(rows) * number(columns);
  return {8 * values + number(columns) * bytes_of(format), 4 * values, OperationsOn::vector};
}

Work linear_work(std::uint64_t tokens, std::uint64_t rows, std::uint64_t columns, FloatFormat format) {
  const double passes = number(ceil_div(tokens, kernels::few_token_rows));
  return {bytes_of(format) * passes * number(rows) * number(columns) +
              4 * number(tokens) * number(rows + columns),
          2 * number(tokens) * number(rows) * number(columns), OperationsOn::vector};
}

Work rotary_work(std::uint64_t tokens, std::uint64_t heads, std::uint64_t head_dim) {
  const double values = number(tokens) * number(heads) * number(head_dim);
  return {8 * values + 4 * number(tokens) * number(head_dim), 3 * values, OperationsOn::vector};
}

Work mix_experts_work(std::uint64_t tokens, std::uint64_t top_k, std::uint64_t hidden) {
  const double values = number(tokens) * number(hidden);
  return {4 * values * number(top_k + 2), values * number(2 * top_k + 1), OperationsOn::vector};
}

Work activation_work(std::uint64_t values) {
  return {12 * number(values), 20 * number(values)};
}

Work kv_append_work(std::uint64_t tokens, std::uint64_t kv_heads, std::uint64_t head_dim) {
  return {number(tokens) * number(kv_heads) * number(head_dim) * 2 * (2 + 2), 0};
}

Work latent_append_work(std::uint64_t tokens, std::uint64_t row_dim) {
  return {number(tokens) * number(row_dim) * (2 + 2), 0};
}

Work merge_partials_work(std::uint64_t sequences, std::uint64_t q_heads, std::uint64_t head_dim,
                         std::uint64_t splits) {
  const double rows = number(sequences) * number(q_heads) * number(splits);
  return {4 * rows * number(head_dim + 2), 2 * rows * number(head_dim)};
}

Work paged_attention_work(std::uint64_t sequences, std::uint64_t context, std::uint64_t kv_heads,
                          std::uint64_t q_heads, std::uint64_t head_dim) {
  constexpr std::uint64_t split_tokens = 256;
  const Work merge = merge_partials_work(sequences, q_heads, head_dim, ceil_div(context, split_tokens));
  const double tokens = number(sequences) * number(context);
  return {tokens * number(kv_heads) * number(head_dim) * 4 + 2 * merge.bytes,
          tokens * number(q_heads) * number(head_dim) * 4 + merge.operations, OperationsOn::vector};
}

Work mla_attention_work(std::uint64_t sequences, std::uint64_t context, std::uint64_t heads) {
  constexpr std::uint64_t split_tokens = 256;
  const Work merge =
      merge_partials_work(sequences, heads, kernels::mla_latent_dim, ceil_div(context, split_tokens));
  const double tokens = number(sequences) * number(context);
  return {tokens * kernels::mla_row_dim * 2 + 2 * merge.bytes,
          tokens * number(heads) * (kernels::mla_row_dim + kernels::mla_latent_dim) * 2 + merge.operations,
          OperationsOn::vector};
}

Work expert_ffn_work(const kernels::SlabLayout& layout, std::uint64_t experts, std::uint64_t rows) {
  const double passes = number(ceil_div(rows, kernels::few_token_rows));
  const double activations =
      4 * number(rows) * number(2 * std::uint64_t{layout.shape.hidden_size} + layout.shape.width);
  const double operations =
      (2 * number(rows) + passes * decode_operations(layout.shape.format)) * values(layout);
  return {number(experts) * (passes * number(layout.size_bytes) + activations), number(experts) * operations,
          OperationsOn::vector};
}

Work expert_ffn_blas_work(const kernels::SlabLayout& layout, std::uint64_t experts, std::uint64_t rows) {
  const FloatFormat computed = product_format(layout.shape.format);
  const bool is_written_out = kernels::format_info(layout.shape.format).value_bits < 16;
  const double weights = number(layout.size_bytes) + (is_written_out ? 4 * values(layout) : 0);
  const double hidden = number(layout.shape.hidden_size);
  const double activations =
      number(rows) * (bytes_of(computed) * (4 * hidden + 7 * number(layout.shape.width)) + 4 * hidden);
  return {number(experts) * (weights + activations), 2 * number(experts) * number(rows) * values(layout),
          computed == FloatFormat::fp32 ? OperationsOn::vector : OperationsOn::matrix};
}

Work dequantise_work(ExpertFormat format, const kernels::MatrixLayout& matrix, std::uint64_t experts) {
  const kernels::FormatInfo& info = kernels::format_info(format);
  const double count = number(matrix.rows) * matrix.row_step * number(matrix.columns);
  const double shared_by = number(std::uint64_t{info.scale_rows} * info.scale_columns);
  const double stored = info.value_bits / 8.0 + (shared_by > 0 ? info.scale_bytes / shared_by : 0);
  return {number(experts) * count * (2 + stored), 5 * number(experts) * count};
}

Work multiply_experts_work(FloatFormat format, std::uint64_t experts, std::uint64_t rows,
                           std::uint64_t inputs, std::uint64_t outputs) {
  const double moved = number(inputs) * number(outputs) + number(rows) * number(inputs + outputs);
  return {number(experts) * bytes_of(format) * moved,
          2 * number(experts) * number(rows) * number(inputs) * number(outputs),
          format == FloatFormat::fp32 ? OperationsOn::vector : OperationsOn::matrix};
}

Work gather_rows_work(std::uint64_t rows, std::uint64_t hidden, FloatFormat from, FloatFormat to) {
  const double count = number(rows) * number(hidden);
  return {count * (bytes_of(from) + bytes_of(to)), count};
}

Work activate_rows_work(std::uint64_t rows, std::uint64_t width, bool gated, FloatFormat format) {
  const double count = number(rows) * number(width);
  return {count * (gated ? 3 : 2) * bytes_of(format), 20 * count};
}

Work finish_rows_work(std::uint64_t rows, std::uint64_t hidden, FloatFormat format) {
  const double count = number(rows) * number(hidden);
  return {count * (4 + bytes_of(format)), count};
}

FloatFormat product_format(ExpertFormat format) {
  if (format == ExpertFormat::fp32) return FloatFormat::fp32;
  return format == ExpertFormat::fp16 ? FloatFormat::fp16 : FloatFormat::bf16;
}

}  // namespace prophet::measure
