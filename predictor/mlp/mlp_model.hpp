#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/predictor_mlp.hpp"
#include "predictor/mlp/input_group.hpp"
#include "prophet/expert_grid.hpp"

namespace prophet {

inline constexpr std::uint32_t mlp_groups_max = kernels::predictor_layers_max + 1;
inline constexpr std::uint32_t mlp_lookahead_max = 8;

/// The sizes of a learned predictor: one net of one hidden layer (relu) for each target layer and each number
/// of layers ahead, all alike.
struct MlpShape {
  ExpertGrid grid;
  std::uint32_t top_k = 0;
  std::uint32_t lookahead_layers = 3;  ///< nets look 1 to so many layers ahead
  std::uint32_t hidden = 0;            ///< units; a multiple of 8
  std::uint32_t ids_per_group = 0;     ///< top_k or more: shorter groups are filled with none
  std::vector<InputGroup> groups;

  [[nodiscard]] std::size_t nets() const noexcept { return std::size_t{grid.layers} * lookahead_layers; }
  [[nodiscard]] std::size_t inputs() const noexcept { return groups.size() * grid.experts; }
  /// Numbers that are learned.
  [[nodiscard]] std::size_t parameters() const noexcept;

  friend bool operator==(const MlpShape&, const MlpShape&) = default;
};

/// Throws Error{bad_input} for a shape that kernels::can_predict denies or that no plan has, with `where` in
/// front of the sentence.
void check_mlp_shape(const MlpShape& shape, const std::string& where);

/// What was learned, bf16 as the kernel reads it. A value.
struct MlpModel {
  MlpShape shape;
  std::vector<std::uint16_t> w1;  ///< [layers, lookahead_layers, groups * experts, hidden] bf16
  std::vector<float> b1;          ///< [layers, lookahead_layers, hidden]
  std::vector<std::uint16_t> w2;  ///< [layers, lookahead_layers, experts, hidden] bf16
  std::vector<float> b2;          ///< [layers, lookahead_layers, experts]

  friend bool operator==(const MlpModel&, const MlpModel&) = default;
};

/// Throws Error{usage} when the model was learned for another number of layers, experts or experts a token.
void check_mlp_fits(const MlpModel& model, ExpertGrid grid, std::uint32_t top_k);

/// Makes room for everything that the shape asks for, with zeros in it.
[[nodiscard]] MlpModel empty_mlp_model(MlpShape shape);

/// Which of the nets forecasts `target` from `lookahead` layers before it, 1 to shape.lookahead_layers.
[[nodiscard]] constexpr std::size_t mlp_net(const MlpShape& shape, LayerId target,
                                            std::uint32_t lookahead) noexcept {
  return target.index() * shape.lookahead_layers + lookahead - 1;
}

/// One net, for the kernel: pointers into the model, which must outlive it.
[[nodiscard]] kernels::PredictorWeights mlp_weights(const MlpModel& model, std::size_t net) noexcept;

}  // namespace prophet
