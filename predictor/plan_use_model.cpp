#include "predictor/plan_use_model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "predictor/use_hidden.hpp"
#include "predictor/use_model.hpp"
#include "prophet/error.hpp"

namespace prophet {
namespace {

UsePlan plan_sources(const ExpertGrid& grid, std::size_t parameters_max) {
  const std::size_t one = use_parameters(grid, {1, 0});
  if (parameters_max < one) {
    throw Error(
        ErrorCode::usage,
        fmt::format("a use model of {} layers x {} experts has {} parameters or more: expected at most {}",
                    grid.layers, grid.experts, one, parameters_max));
  }
  const std::size_t a_source = use_parameters(grid, {2, 0}) - one;
  const std::size_t sources = 1 + (parameters_max - one) / a_source;
  return {static_cast<std::uint32_t>(std::min<std::size_t>(grid.layers, sources)), 0};
}

}  // namespace

std::size_t use_parameters(const ExpertGrid& grid, const UsePlan& plan) noexcept {
  return UseModel::other_parameters(grid) + UseModel::matrix_parameters(grid, plan.source_layers) +
         use_hidden_parameters(grid, plan.hidden_units);
}

UsePlan plan_use_model(const ExpertGrid& grid, std::optional<std::uint32_t> hidden_units,
                       std::size_t parameters_max) {
  const UsePlan whole{grid.layers, hidden_units.value_or(use_hidden_units)};
  if (whole.hidden_units > use_hidden_units_max) {
    throw Error(ErrorCode::usage,
                fmt::format("a use model with a hidden layer of {} units: expected at most {}",
                            whole.hidden_units, use_hidden_units_max));
  }
  const std::size_t parameters = use_parameters(grid, whole);
  if (whole.hidden_units != 0 && parameters <= parameters_max) return whole;
  if (hidden_units.value_or(0) != 0) {
    throw Error(ErrorCode::usage,
                fmt::format("a use model of {} layers x {} experts with a hidden layer of {} units has {} "
                            "parameters: expected at most {}",
                            grid.layers, grid.experts, whole.hidden_units, parameters, parameters_max));
  }
  return plan_sources(grid, parameters_max);
}

}  // namespace prophet
