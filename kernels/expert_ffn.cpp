#include "kernels/expert_ffn.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/blas_threads.hpp"

namespace prophet::kernels {
namespace {

constexpr std::uint32_t blas_dimension_max = std::numeric_limits<blasint>::max();

/// `outputs` columns of product [rows, product_columns] = input [rows, inputs] * matrix [outputs, inputs]^T
void multiply(float* product, blasint product_columns, const float* input, const float* matrix, blasint rows,
              blasint outputs, blasint inputs) {
  if (rows == 1) {
    cblas_sgemv(CblasRowMajor, CblasNoTrans, outputs, inputs, 1.0F, matrix, inputs, input, 1, 0.0F, product,
                1);
    return;
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, outputs, inputs, 1.0F, input, inputs, matrix,
              inputs, 0.0F, product, product_columns);
}

Status check(const ExpertMatrices& expert, const float* hidden, std::uint32_t tokens,
             std::span<const std::uint32_t> rows, const float* output, const float* workspace) {
  if (expert.hidden_size == 0 || expert.width == 0 || expert.hidden_size > blas_dimension_max ||
      expert.width > blas_dimension_max || rows.size() > blas_dimension_max) {
    return Status::bad_shape;
  }
  if (rows.empty()) return Status::ok;
  if (expert.gate == nullptr || expert.up == nullptr || expert.down == nullptr || hidden == nullptr ||
      output == nullptr || workspace == nullptr) {
    return Status::null_pointer;
  }
  const bool inside = std::all_of(rows.begin(), rows.end(), [&](std::uint32_t row) { return row < tokens; });
  return inside ? Status::ok : Status::index_out_of_range;
}

}  // namespace

ExpertMatrices expert_matrices(const float* slab, std::uint64_t slab_bytes,
                               std::uint32_t hidden_size) noexcept {
  const std::uint64_t width = slab_bytes / (3 * sizeof(float)) / hidden_size;
  const std::uint64_t matrix = width * hidden_size;
  return {slab, slab + matrix, slab + 2 * matrix, width, hidden_size};
}

namespace {

/// The rows that chose an expert, and where the steps of its computation lie in the workspace.
struct Rows {
  Rows(const ExpertMatrices& of, std::span<const std::uint32_t> chosen, float* workspace)
      : expert(of),
        count(chosen.size()),
        gathered(workspace),
        gate(gathered + count * of.hidden_size),
        up(gate + count * static_cast<std::size_t>(of.width)) {}

  void gather(const float* hidden, std::span<const std::uint32_t> rows) const {
    const std::size_t hidden_size = expert.hidden_size;
    for (std::size_t i = 0; i < count; ++i)
      std::copy_n(hidden + rows[i] * hidden_size, hidden_size, gathered + i * hidden_size);
  }

  /// Columns [first, end) of the inner layer, left in `gate`.
  void into_inner(std::size_t first, std::size_t end) const {
    const auto width = static_cast<blasint>(expert.width);
    const auto inputs = static_cast<blasint>(expert.hidden_size);
    const auto rows = static_cast<blasint>(count);
    const auto outputs = static_cast<blasint>(end - first);
    const std::size_t weights = first * expert.hidden_size;
    multiply(gate + first, width, gathered, expert.gate + weights, rows, outputs, inputs);
    multiply(up + first, width, gathered, expert.up + weights, rows, outputs, inputs);
    for (std::size_t i = 0; i < count; ++i) {
      float* const gates = gate + i * static_cast<std::size_t>(expert.width);
      const float* const ups = up + i * static_cast<std::size_t>(expert.width);
      for (std::size_t w = first; w < end; ++w) gates[w] = gates[w] / (1.0F + std::exp(-gates[w])) * ups[w];
    }
  }

  /// Columns [first, end) of the output. The product is formed in the workspace and not in `output`, whose
  /// alignment depends on the order in which experts arrived.
  void out_of_inner(std::size_t first, std::size_t end, float* output) const {
    const std::size_t hidden_size = expert.hidden_size;
    multiply(gathered + first, static_cast<blasint>(hidden_size), gate,
             expert.down + first * static_cast<std::size_t>(expert.width), static_cast<blasint>(count),
             static_cast<blasint>(end - first), static_cast<blasint>(expert.width));
    for (std::size_t i = 0; i < count; ++i)
      std::copy(gathered + i * hidden_size + first, gathered + i * hidden_size + end,
                output + i * hidden_size + first);
  }

  const ExpertMatrices& expert;
  std::size_t count;
  float* gathered;  // [count, hidden_size]
  float* gate;      // [count, width]
  float* up;        // [count, width]
};

}  // namespace

Status expert_ffn(const ExpertMatrices& expert, const float* hidden, std::uint32_t tokens,
                  std::span<const std::uint32_t> rows, float* output, float* workspace,
                  PartRunner& runner) noexcept {
  const Status status = check(expert, hidden, tokens, rows, output, workspace);
  if (status != Status::ok || rows.empty()) return status;
  use_one_blas_thread();
  const Rows chosen(expert, rows, workspace);
  chosen.gather(hidden, rows);
  const RowParts inner(expert.width, 2 * sizeof(float) * std::uint64_t{expert.hidden_size});
  const auto into_inner = [&](std::size_t part) { chosen.into_inner(inner.first(part), inner.end(part)); };
  runner.run(inner.count(), Part(into_inner));
  const RowParts outer(expert.hidden_size, sizeof(float) * expert.width);
  const auto out_of_inner = [&](std::size_t part) {
    chosen.out_of_inner(outer.first(part), outer.end(part), output);
  };
  runner.run(outer.count(), Part(out_of_inner));
  return Status::ok;
}

}  // namespace prophet::kernels
