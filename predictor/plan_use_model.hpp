#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "prophet/expert_grid.hpp"

namespace prophet {

/// How large a use model is.
struct UsePlan {
  std::uint32_t source_layers = 1;
  std::uint32_t hidden_units = 0;
};

[[nodiscard]] std::size_t use_parameters(const ExpertGrid& grid, const UsePlan& plan) noexcept;

/// The largest plan of at most parameters_max parameters. `hidden_units`, if it says something, is kept to;
/// else there are use_hidden_units where that leaves all source layers their room, and none elsewhere. A
/// hidden layer has all source layers beside it. Throws Error{usage} when what is asked for, or even one
/// source layer, has more parameters.
[[nodiscard]] UsePlan plan_use_model(const ExpertGrid& grid, std::optional<std::uint32_t> hidden_units,
                                     std::size_t parameters_max);

}  // namespace prophet
