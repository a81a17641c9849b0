#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bench/measure/roofline.hpp"
#include "kernels/expert_layout.hpp"
#include "kernels/kv_float.hpp"

/// What one call of each launcher of kernels/cuda/ moves and does, as the launchers' own headers state it. A
/// launcher that starts several kernels counts all of them. Names of dimensions are those of
/// scripts/codegen.json, which states the same kernel by kernel; a test holds the two together.
namespace prophet::measure {

/// A shape as a report prints it: names and numbers.
using ShapeNumbers = std::vector<std::pair<std::string, std::uint64_t>>;

[[nodiscard]] Work checksum_work(std::uint64_t expert_bytes);
[[nodiscard]] Work copy_with_checksum_work(std::uint64_t expert_bytes);
[[nodiscard]] Work page_fill_work(std::uint64_t pages, std::uint64_t page_bytes);
[[nodiscard]] Work page_verify_work(std::uint64_t pages, std::uint64_t page_bytes);
[[nodiscard]] Work page_move_work(std::uint64_t pages, std::uint64_t page_bytes);

[[nodiscard]] Work combine_work(std::uint64_t tokens, std::uint64_t top_k, std::uint64_t hidden);
/// tokens at most 8: weights are read once for each eight.
[[nodiscard]] Work dense_work(std::uint64_t tokens, std::uint64_t rows, std::uint64_t hidden);
[[nodiscard]] Work router_work(std::uint64_t tokens, std::uint64_t experts, std::uint64_t top_k,
                               std::uint64_t id_bytes, bool has_bias);
[[nodiscard]] Work resolve_work(std::uint64_t tokens, std::uint64_t experts, std::uint64_t top_k);
[[nodiscard]] Work predictor_work(std::uint64_t lanes, std::uint64_t recent_layers, std::uint64_t top_k,
                                  std::uint64_t hidden, std::uint64_t experts);
[[nodiscard]] Work predict_missing_work(std::uint64_t lanes, std::uint64_t experts, std::uint64_t top_m);
[[nodiscard]] Work graph_gate_work();

/// Tables, matrices and weights in `format`, everything else in fp32; see kernels/cuda/linear.hpp for what is
/// read again for every eight tokens.
[[nodiscard]] Work embed_work(std::uint64_t tokens, std::uint64_t columns, kernels::FloatFormat format);
[[nodiscard]] Work rms_norm_work(std::uint64_t rows, std::uint64_t columns, kernels::FloatFormat format);
[[nodiscard]] Work linear_work(std::uint64_t tokens, std::uint64_t rows, std::uint64_t columns,
                               kernels::FloatFormat format);
[[nodiscard]] Work rotary_work(std::uint64_t tokens, std::uint64_t heads, std::uint64_t head_dim);
/// Without a shared expert.
[[nodiscard]] Work mix_experts_work(std::uint64_t tokens, std::uint64_t top_k, std::uint64_t hidden);
[[nodiscard]] Work activation_work(std::uint64_t values);

/// Rows go in and out in 16 bits.
[[nodiscard]] Work kv_append_work(std::uint64_t tokens, std::uint64_t kv_heads, std::uint64_t head_dim);
[[nodiscard]] Work latent_append_work(std::uint64_t tokens, std::uint64_t row_dim);
/// With the merge of the splits.
[[nodiscard]] Work paged_attention_work(std::uint64_t sequences, std::uint64_t context,
                                        std::uint64_t kv_heads, std::uint64_t q_heads,
                                        std::uint64_t head_dim);
[[nodiscard]] Work mla_attention_work(std::uint64_t sequences, std::uint64_t context, std::uint64_t heads);
[[nodiscard]] Work merge_partials_work(std::uint64_t sequences, std::uint64_t q_heads, std::uint64_t head_dim,
                                       std::uint64_t splits);

/// `experts` experts of one layout with `rows` rows each; see kernels/cuda/expert_ffn.hpp.
[[nodiscard]] Work expert_ffn_work(const kernels::SlabLayout& layout, std::uint64_t experts,
                                   std::uint64_t rows);
/// The same by cuBLAS; see kernels/cuda/expert_ffn_blas.hpp.
[[nodiscard]] Work expert_ffn_blas_work(const kernels::SlabLayout& layout, std::uint64_t experts,
                                        std::uint64_t rows);
[[nodiscard]] Work dequantise_work(kernels::ExpertFormat format, const kernels::MatrixLayout& matrix,
                                   std::uint64_t experts);
[[nodiscard]] Work multiply_experts_work(kernels::FloatFormat format, std::uint64_t experts,
                                         std::uint64_t rows, std::uint64_t inputs, std::uint64_t outputs);
[[nodiscard]] Work gather_rows_work(std::uint64_t rows, std::uint64_t hidden, kernels::FloatFormat from,
                                    kernels::FloatFormat to);
[[nodiscard]] Work activate_rows_work(std::uint64_t rows, std::uint64_t width, bool gated,
                                      kernels::FloatFormat format);
[[nodiscard]] Work finish_rows_work(std::uint64_t rows, std::uint64_t hidden, kernels::FloatFormat format);

/// In which the products of an expert of this format are computed.
[[nodiscard]] kernels::FloatFormat product_format(kernels::ExpertFormat format);

}  // namespace prophet::measure
