#include "runtime/engine/workload.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet {
namespace {

constexpr std::uint32_t small_hidden_size = 128;
constexpr std::uint64_t matrix_row_bytes = small_hidden_size * sizeof(float);
/// gate, up and down: one unit of width is one row of each.
constexpr std::uint64_t width_bytes = 3 * matrix_row_bytes;

/// A multiply-add of each fp32 weight counts as two operations.
std::uint64_t fp32_flops(std::uint64_t bytes) {
  return bytes / sizeof(float) * 2;
}

}  // namespace

Workload real_workload(const ModelShape& model, Dtype expert_dtype) {
  Workload workload;
  workload.grid = model.grid;
  workload.top_k = model.top_k;
  workload.hidden_size = model.hidden_size;
  workload.expert_bytes = expert_bytes(model, expert_dtype);
  workload.lookup_bytes = lookup_bytes(model, model.dtype);
  workload.dense_bytes_per_layer =
      (non_expert_bytes(model, model.dtype) - workload.lookup_bytes) / model.grid.layers;
  workload.expert_flops_per_token =
      2ULL * model.expert_matrices * std::uint64_t{model.hidden_size} * model.expert_width;
  workload.dense_flops_per_token = 2 * (model.non_expert_params - model.lookup_params) / model.grid.layers;
  return workload;
}

Workload custom_workload(ExpertGrid grid, std::uint32_t top_k, std::uint64_t expert_bytes,
                         std::uint64_t dense_bytes_per_layer) {
  if (expert_bytes < width_bytes) {
    throw Error(ErrorCode::usage,
                fmt::format("experts of {} bytes: expected at least {}, one row of gate, up and down",
                            expert_bytes, width_bytes));
  }
  Workload workload;
  workload.grid = grid;
  workload.top_k = top_k;
  workload.hidden_size = small_hidden_size;
  workload.expert_bytes = expert_bytes / width_bytes * width_bytes;
  workload.dense_bytes_per_layer =
      std::max<std::uint64_t>(1, dense_bytes_per_layer / matrix_row_bytes) * matrix_row_bytes;
  workload.expert_flops_per_token = fp32_flops(workload.expert_bytes);
  workload.dense_flops_per_token = fp32_flops(workload.dense_bytes_per_layer);
  return workload;
}

Workload scaled_workload(const Workload& real, std::uint64_t expert_bytes_max) {
  const std::uint64_t target = std::min(real.expert_bytes, expert_bytes_max);
  const double shrink = static_cast<double>(target) / static_cast<double>(real.expert_bytes);
  const auto dense = static_cast<std::uint64_t>(static_cast<double>(real.dense_bytes_per_layer) * shrink);
  Workload scaled = custom_workload(real.grid, real.top_k, target, dense);
  scaled.scale = static_cast<double>(real.expert_bytes) / static_cast<double>(scaled.expert_bytes);
  return scaled;
}

}  // namespace prophet
