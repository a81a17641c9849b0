#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "predictor/mlp/mlp_model.hpp"
#include "predictor/plan_use_model.hpp"
#include "predictor/use_hidden.hpp"
#include "predictor/use_model.hpp"
#include "runtime/model/safetensors/tensor_dtype.hpp"

/// What the tensors of a predictor file are called and how they are shaped: said once, for writing and
/// reading.
namespace prophet {

inline constexpr std::string_view predictor_file_format = "prophet-predictor";
/// Since 2 a use model may have a hidden layer.
inline constexpr std::uint32_t predictor_file_version = 2;
inline constexpr std::string_view predictor_text_tensor = "prophet";

struct NeededTensor {
  std::string name;
  TensorDtype dtype = TensorDtype::f32;
  std::vector<std::uint64_t> shape;
};

struct MlpTensors {
  NeededTensor w1;
  NeededTensor b1;
  NeededTensor w2;
  NeededTensor b2;
};
[[nodiscard]] inline MlpTensors tensors_of(const MlpShape& shape) {
  const std::uint64_t nets = shape.nets();
  return {{"mlp.w1", TensorDtype::bf16, {nets, shape.inputs(), shape.hidden}},
          {"mlp.b1", TensorDtype::f32, {nets, shape.hidden}},
          {"mlp.w2", TensorDtype::bf16, {nets, shape.grid.experts, shape.hidden}},
          {"mlp.b2", TensorDtype::f32, {nets, shape.grid.experts}}};
}

struct UseTensors {
  NeededTensor weights;  ///< of the features: next, then later; of each layer where there is a hidden one
  NeededTensor popularity;
  NeededTensor bias;
  NeededTensor matrix;
  NeededTensor hidden_w1;  ///< these where there is a hidden layer
  NeededTensor hidden_b1;
  NeededTensor hidden_w2;
};
[[nodiscard]] inline UseTensors tensors_of(const ExpertGrid& grid, const UsePlan& plan) {
  const std::uint64_t layers = grid.layers;
  const std::uint64_t experts = grid.experts;
  const std::uint64_t units = plan.hidden_units;
  std::vector<std::uint64_t> weights{2, use_features};
  if (units != 0) weights.insert(weights.begin(), layers);
  return {{"use.weights", TensorDtype::f32, std::move(weights)},
          {"use.popularity", TensorDtype::f32, {layers, experts}},
          {"use.bias", TensorDtype::f32, {layers, experts, 2}},
          {"use.matrix", TensorDtype::f32, {layers, plan.source_layers, experts, 2, experts}},
          {"use.hidden.w1", TensorDtype::f32, {layers, use_inputs(grid), units}},
          {"use.hidden.b1", TensorDtype::f32, {layers, units}},
          {"use.hidden.w2", TensorDtype::f32, {layers, units, 2, experts}}};
}

[[nodiscard]] inline NeededTensor learnt_from_tensor(std::size_t sequences) {
  return {"learnt_from", TensorDtype::u64, {sequences}};
}

}  // namespace prophet
