#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "predictor/mlp/mlp_model.hpp"

namespace prophet {

/// What all parts of a learned predictor together may have: nets and use model.
inline constexpr std::size_t learned_parameters_max = 7'200'000;

/// What a net would like to be.
struct MlpWish {
  std::uint32_t hidden = 128;
  std::uint32_t lookahead_layers = 3;
  GroupPlan groups;
};

/// The largest shape within the wish that has at most parameters_max parameters. What goes first is told in
/// plan_mlp.cpp. Throws Error{usage} when even the smallest has more, or the model has more experts than the
/// kernel takes. Near the end of the model the lookahead reaches no further than one token.
[[nodiscard]] MlpShape plan_mlp(ExpertGrid grid, std::uint32_t top_k, const MlpWish& wish,
                                std::size_t parameters_max);

/// How many parameters a use model has beside the nets: with a hidden layer if one is asked for, or half of
/// learned_parameters_max has room for it and nothing is; else as many source layers as a third of that has
/// room for, or one if half of it has; else 0, and there is none.
[[nodiscard]] std::size_t use_model_share(ExpertGrid grid,
                                          std::optional<std::uint32_t> hidden_units = {}) noexcept;

}  // namespace prophet
