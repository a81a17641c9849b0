#include "predictor/mlp/plan_mlp.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "predictor/plan_use_model.hpp"
#include "predictor/use_hidden.hpp"
#include "prophet/error.hpp"

namespace prophet {
namespace {

constexpr std::uint32_t unit_step = 8;
constexpr std::uint32_t back_max = 14;  ///< of each kind: all together stay below mlp_groups_max
/// With fewer units, more of them help more than what the last groups tell.
constexpr std::uint32_t comfortable_units = 16;

MlpShape shape_of(ExpertGrid grid, std::uint32_t top_k, const MlpWish& wish) {
  MlpShape shape;
  shape.grid = grid;
  shape.top_k = top_k;
  shape.lookahead_layers = wish.lookahead_layers;
  shape.hidden = wish.hidden;
  shape.groups = input_groups(wish.groups, grid, top_k);
  shape.ids_per_group = std::max(top_k, ahead_ranks(shape.groups));
  for (const InputGroup& group : shape.groups) {
    // Shares of top_k experts together, and a part more of some.
    if (group.kind == GroupKind::popular)
      shape.ids_per_group =
          std::clamp(group.grain * top_k, shape.ids_per_group, kernels::predictor_top_k_max);
  }
  return shape;
}

/// The next smaller wish: units first, while there are many; then groups, the least telling first; units
/// again. False when there is none.
bool shrink(MlpWish& wish) {
  GroupPlan& groups = wish.groups;
  if (wish.hidden > comfortable_units) {
    wish.hidden -= unit_step;
  } else if (groups.first_back > 0) {
    --groups.first_back;
  } else if (groups.early > 2) {
    --groups.early;
  } else if (groups.tokens_back > 1) {
    --groups.tokens_back;
  } else if (groups.layers_back > 4) {
    --groups.layers_back;
  } else if (groups.popular > 1) {
    --groups.popular;
  } else if (wish.hidden > unit_step) {
    wish.hidden -= unit_step;
  } else if (groups.early > 0) {
    --groups.early;
  } else if (groups.layers_back > 1) {
    --groups.layers_back;
  } else if (groups.ahead > 1) {
    --groups.ahead;
  } else {
    return false;
  }
  return true;
}

void require(const char* what, std::uint32_t value, std::uint32_t min, std::uint32_t max) {
  if (value >= min && value <= max) return;
  throw Error(ErrorCode::usage,
              fmt::format("a learned predictor with {} {}: expected {} to {}", value, what, min, max));
}

void check_wish(const MlpWish& wish) {
  require("hidden units", wish.hidden, unit_step, kernels::predictor_hidden_max);
  require("layers ahead", wish.lookahead_layers, 1, mlp_lookahead_max);
  require("layers back", wish.groups.layers_back, 1, back_max);
  require("layers back by their first expert", wish.groups.first_back, 0, back_max);
  require("layers from the first", wish.groups.early, 0, back_max);
  require("tokens back", wish.groups.tokens_back, 0, back_max);
}

}  // namespace

MlpShape plan_mlp(ExpertGrid grid, std::uint32_t top_k, const MlpWish& wish, std::size_t parameters_max) {
  check_wish(wish);
  if (grid.layers == 0 || grid.experts == 0 || grid.experts > kernels::predictor_experts_max) {
    throw Error(
        ErrorCode::usage,
        fmt::format("a learned predictor of {} layers x {} experts: expected 1 or more, and at most {} "
                    "experts",
                    grid.layers, grid.experts, kernels::predictor_experts_max));
  }
  MlpWish smaller = wish;
  smaller.hidden = wish.hidden / unit_step * unit_step;
  // A target is at most one token away.
  smaller.lookahead_layers = std::min(wish.lookahead_layers, grid.layers);
  MlpShape shape = shape_of(grid, top_k, smaller);
  while (shape.parameters() > parameters_max) {
    if (!shrink(smaller)) {
      throw Error(ErrorCode::usage,
                  fmt::format("a learned predictor of {} layers x {} experts has {} parameters or more, "
                              "expected at most {}",
                              grid.layers, grid.experts, shape.parameters(), parameters_max));
    }
    shape = shape_of(grid, top_k, smaller);
  }
  return shape;
}

std::size_t use_model_share(ExpertGrid grid, std::optional<std::uint32_t> hidden_units) noexcept {
  const std::size_t whole = use_parameters(grid, {grid.layers, hidden_units.value_or(use_hidden_units)});
  if (hidden_units.value_or(0) != 0) return std::min(whole, learned_parameters_max);
  if (!hidden_units && whole <= learned_parameters_max / 2) return whole;
  const std::size_t one = use_parameters(grid, {1, 0});
  if (one > learned_parameters_max / 2) return 0;
  const std::size_t room = std::max(one, learned_parameters_max / 3);
  const std::size_t a_source = use_parameters(grid, {2, 0}) - one;
  return one + a_source * std::min<std::size_t>(grid.layers - 1, (room - one) / a_source);
}

}  // namespace prophet
