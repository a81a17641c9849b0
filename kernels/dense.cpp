#include "kernels/dense.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/blas_threads.hpp"

namespace prophet::kernels {
namespace {

constexpr std::uint32_t blas_dimension_max = std::numeric_limits<blasint>::max();

/// folded[t, j] += hidden[t] . weights[j] for the `rows` (at most hidden_size) rows of one fold.
void add_fold(float* folded, const float* hidden, const float* weights, blasint tokens, blasint rows,
              blasint hidden_size) {
  if (tokens == 1) {
    cblas_sgemv(CblasRowMajor, CblasNoTrans, rows, hidden_size, 1.0F, weights, hidden_size, hidden, 1, 1.0F,
                folded, 1);
    return;
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, tokens, rows, hidden_size, 1.0F, hidden, hidden_size,
              weights, hidden_size, 1.0F, folded, hidden_size);
}

}  // namespace

Status dense(float* hidden, const float* weights, std::uint32_t tokens, std::uint64_t rows,
             std::uint32_t hidden_size, float* workspace) noexcept {
  if (hidden_size == 0 || hidden_size > blas_dimension_max || tokens > blas_dimension_max) {
    return Status::bad_shape;
  }
  if (tokens == 0 || rows == 0) return Status::ok;
  if (hidden == nullptr || weights == nullptr || workspace == nullptr) return Status::null_pointer;
  use_one_blas_thread();
  const std::size_t values = dense_workspace_floats(tokens, hidden_size);
  std::fill_n(workspace, values, 0.0F);
  for (std::uint64_t first = 0; first < rows; first += hidden_size) {
    const auto count = static_cast<blasint>(std::min<std::uint64_t>(hidden_size, rows - first));
    add_fold(workspace, hidden, weights + first * hidden_size, static_cast<blasint>(tokens), count,
             static_cast<blasint>(hidden_size));
  }
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(rows)));
  for (std::size_t i = 0; i < values; ++i) hidden[i] += scale * workspace[i];
  return Status::ok;
}

}  // namespace prophet::kernels
