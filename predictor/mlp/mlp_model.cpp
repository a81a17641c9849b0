#include "predictor/mlp/mlp_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

/// Tokens before that a group may reach: what a lane keeps of its history grows with it.
constexpr std::uint32_t tokens_back_max = 64;

void require(const std::string& where, const char* what, std::uint64_t value, std::uint64_t min,
             std::uint64_t max) {
  if (value >= min && value <= max) return;
  throw Error(ErrorCode::bad_input,
              fmt::format("{}learned predictor: {} {}, expected {} to {}", where, value, what, min, max));
}

void check_group(const MlpShape& shape, const InputGroup& group, const std::string& where) {
  if (group.kind == GroupKind::popular) {
    require(where, "parts of a share that a group tells (grain)", group.grain, 1,
            kernels::predictor_top_k_max);
    if (group.keep > 0.01F && group.keep < 1.0F) return;
    throw Error(ErrorCode::bad_input,
                fmt::format("{}learned predictor: a group keeps {} of each use, expected more than 0.01 and "
                            "less than 1",
                            where, group.keep));
  }
  if (group.kind == GroupKind::ahead) {
    require(where, "layers of distance of an input group of routers ahead", group.distance, 0, 0);
    return require(where, "ranks of an input group of routers ahead", group.ranks, 1,
                   std::min(shape.grid.experts, shape.ids_per_group));
  }
  // What is not chosen yet when the forecast is made, no group can tell.
  const bool is_before = group.kind == GroupKind::before;
  const std::uint64_t furthest = group.kind == GroupKind::early
                                     ? shape.grid.layers - 1
                                     : std::uint64_t{tokens_back_max} * shape.grid.layers;
  require(where, "layers of distance of an input group", group.distance,
          is_before ? shape.lookahead_layers : 0, furthest);
  require(where, "ranks of an input group", group.ranks, 1, shape.top_k);
}

}  // namespace

std::size_t MlpShape::parameters() const noexcept {
  const std::size_t rows = inputs() + 1 + grid.experts;
  return nets() * (rows * hidden + grid.experts);
}

void check_mlp_shape(const MlpShape& shape, const std::string& where) {
  require(where, "layers", shape.grid.layers, 1, limits::layers_max);
  require(where, "experts a layer", shape.grid.experts, 1, kernels::predictor_experts_max);
  require(where, "experts a token (top-k)", shape.top_k, 1,
          std::min(kernels::predictor_top_k_max, shape.grid.experts));
  require(where, "layers ahead", shape.lookahead_layers, 1, mlp_lookahead_max);
  require(where, "ids of an input group", shape.ids_per_group, shape.top_k, kernels::predictor_top_k_max);
  require(where, "input groups", shape.groups.size(), 1, mlp_groups_max);
  require(where, "hidden units", shape.hidden, 8, kernels::predictor_hidden_max);
  if (shape.hidden % 8 != 0) {
    throw Error(ErrorCode::bad_input, fmt::format("{}learned predictor: {} hidden units, expected a multiple "
                                                  "of 8",
                                                  where, shape.hidden));
  }
  for (const InputGroup& group : shape.groups) check_group(shape, group, where);
}

void check_mlp_fits(const MlpModel& model, ExpertGrid grid, std::uint32_t top_k) {
  const MlpShape& shape = model.shape;
  if (shape.grid == grid && shape.top_k == top_k) return;
  throw Error(
      ErrorCode::usage,
      fmt::format("predictor mlp: learned for {} layers x {} experts, top-{}; expected {} x {}, top-{}",
                  shape.grid.layers, shape.grid.experts, shape.top_k, grid.layers, grid.experts, top_k));
}

MlpModel empty_mlp_model(MlpShape shape) {
  MlpModel model;
  const std::size_t nets = shape.nets();
  model.w1.resize(nets * shape.inputs() * shape.hidden);
  model.b1.resize(nets * shape.hidden);
  model.w2.resize(nets * shape.grid.experts * shape.hidden);
  model.b2.resize(nets * shape.grid.experts);
  model.shape = std::move(shape);
  return model;
}

kernels::PredictorWeights mlp_weights(const MlpModel& model, std::size_t net) noexcept {
  const MlpShape& shape = model.shape;
  kernels::PredictorWeights weights;
  weights.format = kernels::FloatFormat::bf16;
  weights.experts = shape.grid.experts;
  weights.recent_layers = static_cast<std::uint32_t>(shape.groups.size()) - 1;
  weights.hidden = shape.hidden;
  weights.w1 = model.w1.data() + net * shape.inputs() * shape.hidden;
  weights.b1 = model.b1.data() + net * shape.hidden;
  weights.w2 = model.w2.data() + net * shape.grid.experts * shape.hidden;
  weights.b2 = model.b2.data() + net * shape.grid.experts;
  return weights;
}

}  // namespace prophet
