#include "kernels/expert_ffn.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/blas_threads.hpp"

namespace prophet::kernels {
namespace {

constexpr std::uint32_t blas_dimension_max = std::numeric_limits<blasint>::max();

/// product [rows, outputs] = input [rows, inputs] * matrix [outputs, inputs]^T
void multiply(float* product, const float* input, const float* matrix, blasint rows, blasint outputs,
              blasint inputs) {
  if (rows == 1) {
    cblas_sgemv(CblasRowMajor, CblasNoTrans, outputs, inputs, 1.0F, matrix, inputs, input, 1, 0.0F, product,
                1);
    return;
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, outputs, inputs, 1.0F, input, inputs, matrix,
              inputs, 0.0F, product, outputs);
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

Status expert_ffn(const ExpertMatrices& expert, const float* hidden, std::uint32_t tokens,
                  std::span<const std::uint32_t> rows, float* output, float* workspace) noexcept {
  const Status status = check(expert, hidden, tokens, rows, output, workspace);
  if (status != Status::ok || rows.empty()) return status;
  use_one_blas_thread();
  const std::size_t hidden_size = expert.hidden_size;
  const auto count = static_cast<blasint>(rows.size());
  const auto width = static_cast<blasint>(expert.width);
  const auto inputs = static_cast<blasint>(hidden_size);
  const std::size_t inner = rows.size() * static_cast<std::size_t>(expert.width);
  float* gathered = workspace;
  float* gate = gathered + rows.size() * hidden_size;
  float* up = gate + inner;

  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(hidden + rows[i] * hidden_size, hidden_size, gathered + i * hidden_size);
  }
  multiply(gate, gathered, expert.gate, count, width, inputs);
  multiply(up, gathered, expert.up, count, width, inputs);
  for (std::size_t i = 0; i < inner; ++i) gate[i] = gate[i] / (1.0F + std::exp(-gate[i])) * up[i];
  // The product is formed in the workspace and not in `output`, whose alignment depends on the order in which
  // experts arrived.
  multiply(gathered, gate, expert.down, count, inputs, width);
  std::copy_n(gathered, rows.size() * hidden_size, output);
  return Status::ok;
}

}  // namespace prophet::kernels
