#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "predictor/trained/predictor_file.hpp"
#include "predictor/trained/predictor_tensors.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/json_fields.hpp"
#include "runtime/model/json_text.hpp"
#include "runtime/model/safetensors/mapped_file.hpp"
#include "runtime/model/safetensors/safetensors_file.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t text_bytes_max = 64ULL << 10;
constexpr std::uint32_t sequences_max = 1U << 24;
constexpr std::uint32_t bf16_exponent = 0x7F80;

static_assert(sizeof(UseOdds) == 2 * sizeof(float), "use.bias is read as pairs of floats");

/// The tensors of one file by name. Each is taken once; what is left over nobody asked for.
class Tensors {
 public:
  Tensors(std::span<const std::byte> file, const std::string& where)
      : file_(file), where_(where), layout_(read_safetensors(file, where)) {}

  [[nodiscard]] std::span<const std::byte> take_text() {
    const TensorEntry& entry = find(predictor_text_tensor);
    if (entry.dtype != TensorDtype::u8 || entry.end - entry.begin > text_bytes_max) {
      refuse(fmt::format("tensor '{}' is {} of {} bytes, expected U8 of at most {}", predictor_text_tensor,
                         tensor_dtype_name(entry.dtype), entry.end - entry.begin, text_bytes_max));
    }
    return bytes_of(entry);
  }

  template <class Value>
  [[nodiscard]] std::vector<Value> take(const NeededTensor& needed) {
    const TensorEntry& entry = find(needed.name);
    if (entry.dtype != needed.dtype || entry.shape != needed.shape) {
      refuse(fmt::format("tensor '{}' is {} [{}], expected {} [{}]", needed.name,
                         tensor_dtype_name(entry.dtype), fmt::join(entry.shape, ", "),
                         tensor_dtype_name(needed.dtype), fmt::join(needed.shape, ", ")));
    }
    const std::span<const std::byte> bytes = bytes_of(entry);
    std::vector<Value> values(bytes.size() / sizeof(Value));
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  void expect_no_more() const {
    for (const TensorEntry& entry : layout_.tensors) {
      if (taken_.contains(entry.name)) continue;
      refuse(fmt::format("tensor '{}' is no part of a predictor, expected it to be left out", entry.name));
    }
  }

  [[noreturn]] void refuse(const std::string& sentence) const {
    throw Error(ErrorCode::bad_input, fmt::format("'{}': {}", where_, sentence));
  }

 private:
  const TensorEntry& find(std::string_view name) {
    const auto found = std::find_if(layout_.tensors.begin(), layout_.tensors.end(),
                                    [&](const TensorEntry& entry) { return entry.name == name; });
    if (found == layout_.tensors.end())
      refuse(fmt::format("tensor '{}' is missing, expected the file of a predictor", name));
    taken_.emplace(name);
    return *found;
  }
  [[nodiscard]] std::span<const std::byte> bytes_of(const TensorEntry& entry) const {
    return file_.subspan(layout_.data_begin + entry.begin, entry.end - entry.begin);
  }

  std::span<const std::byte> file_;
  std::string where_;
  SafetensorsLayout layout_;
  std::set<std::string, std::less<>> taken_;
};

void expect_finite(const Tensors& tensors, const char* name, std::span<const float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i]))
      tensors.refuse(
          fmt::format("number {} of tensor '{}' is {}, expected a finite one", i, name, values[i]));
  }
}

void expect_finite(const Tensors& tensors, const char* name, std::span<const std::uint16_t> bf16) {
  for (std::size_t i = 0; i < bf16.size(); ++i) {
    if ((bf16[i] & bf16_exponent) == bf16_exponent)
      tensors.refuse(
          fmt::format("number {} of tensor '{}' is infinite or none, expected a finite one", i, name));
  }
}

std::string in_file(const JsonFields& fields) {
  return fmt::format("'{}': ", fields.where());
}

InputGroup read_group(const JsonFields& fields) {
  InputGroup group;
  group.kind = parse_group_kind(fields.text("kind"), in_file(fields));
  if (group.kind == GroupKind::popular) {
    group.keep = static_cast<float>(fields.number("keep", 0, 1));
    group.grain = fields.count("grain", 1, kernels::predictor_top_k_max);
  } else {
    group.distance = fields.count("distance", 0, limits::layers_max * kernels::predictor_layers_max);
    group.ranks = fields.count("ranks", 1, kernels::predictor_top_k_max);
  }
  return group;
}

std::uint32_t read_version(const JsonFields& fields) {
  return fields.count("version", 1, predictor_file_version);
}

MlpShape read_shape(const JsonFields& fields) {
  if (!fields.is_text("format", predictor_file_format)) fields.refuse("format", predictor_file_format);
  (void)read_version(fields);
  MlpShape shape;
  shape.grid.layers = fields.count("layers", 1, limits::layers_max);
  shape.grid.experts = fields.count("experts", 1, kernels::predictor_experts_max);
  shape.top_k = fields.count("top_k", 1, kernels::predictor_top_k_max);
  shape.lookahead_layers = fields.count("lookahead_layers", 1, mlp_lookahead_max);
  shape.hidden = fields.count("hidden", 8, kernels::predictor_hidden_max);
  shape.ids_per_group = fields.count("ids_per_group", 1, kernels::predictor_top_k_max);
  for (const JsonFields& group : fields.children("groups")) {
    if (shape.groups.size() == mlp_groups_max)
      fields.refuse("groups", fmt::format("at most {}", mlp_groups_max));
    shape.groups.push_back(read_group(group));
  }
  check_mlp_shape(shape, in_file(fields));
  return shape;
}

std::shared_ptr<const MlpModel> read_mlp(Tensors& tensors, MlpShape shape) {
  const auto model = std::make_shared<MlpModel>();
  const MlpTensors needed = tensors_of(shape);
  model->w1 = tensors.take<std::uint16_t>(needed.w1);
  model->b1 = tensors.take<float>(needed.b1);
  model->w2 = tensors.take<std::uint16_t>(needed.w2);
  model->b2 = tensors.take<float>(needed.b2);
  expect_finite(tensors, "mlp.w1", model->w1);
  expect_finite(tensors, "mlp.b1", model->b1);
  expect_finite(tensors, "mlp.w2", model->w2);
  expect_finite(tensors, "mlp.b2", model->b2);
  model->shape = std::move(shape);
  return model;
}

UseHidden read_hidden(Tensors& tensors, const UseTensors& needed, std::uint32_t units) {
  UseHidden hidden;
  hidden.units = units;
  hidden.w1 = tensors.take<float>(needed.hidden_w1);
  hidden.b1 = tensors.take<float>(needed.hidden_b1);
  hidden.w2 = tensors.take<float>(needed.hidden_w2);
  expect_finite(tensors, "use.hidden.w1", hidden.w1);
  expect_finite(tensors, "use.hidden.b1", hidden.b1);
  expect_finite(tensors, "use.hidden.w2", hidden.w2);
  return hidden;
}

/// [layers or 1, 2, features] of a file, the one of all layers given to each.
std::vector<UseWeights> weights_of_layers(std::span<const float> values, std::uint32_t layers) {
  constexpr std::size_t of_layer = 2 * use_features;
  std::vector<UseWeights> weights(layers);
  for (std::uint32_t l = 0; l < layers; ++l) {
    const auto next = values.begin() + static_cast<std::ptrdiff_t>(l * of_layer % values.size());
    std::copy_n(next, use_features, weights[l].next.begin());
    std::copy_n(next + use_features, use_features, weights[l].later.begin());
  }
  return weights;
}

UsePlan read_use_plan(const JsonFields& fields, const MlpShape& shape) {
  UsePlan plan;
  plan.source_layers = fields.count("use_source_layers", 0, shape.grid.layers);
  if (read_version(fields) >= 2)
    plan.hidden_units =
        fields.count("use_hidden_units", 0, plan.source_layers == 0 ? 0 : use_hidden_units_max);
  return plan;
}

std::shared_ptr<const UseModel> read_use(Tensors& tensors, const MlpShape& shape, const UsePlan& plan) {
  if (plan.source_layers == 0) return nullptr;
  const auto model = std::make_shared<UseModel>();
  const UseTensors needed = tensors_of(shape.grid, plan);
  model->grid = shape.grid;
  model->top_k = shape.top_k;
  model->source_layers = plan.source_layers;
  const auto weights = tensors.take<float>(needed.weights);
  model->weights = weights_of_layers(weights, shape.grid.layers);
  model->popularity = tensors.take<float>(needed.popularity);
  model->bias = tensors.take<UseOdds>(needed.bias);
  model->matrix = tensors.take<float>(needed.matrix);
  if (plan.hidden_units != 0) model->hidden = read_hidden(tensors, needed, plan.hidden_units);
  expect_finite(tensors, "use.weights", weights);
  expect_finite(tensors, "use.matrix", model->matrix);
  for (const UseOdds& odds : model->bias)
    expect_finite(tensors, "use.bias", std::array{odds.next, odds.later});
  for (const float share : model->popularity) {
    if (!(share > 0 && share < 1))
      tensors.refuse(fmt::format("a number of tensor 'use.popularity' is {}, expected one in (0, 1)", share));
  }
  return model;
}

}  // namespace

TrainedPredictor parse_predictor_file(std::span<const std::byte> file, const std::string& where) {
  Tensors tensors(file, where);
  const std::span<const std::byte> text = tensors.take_text();
  const nlohmann::json object =
      parse_json_object({reinterpret_cast<const char*>(text.data()), text.size()}, where, text_bytes_max);
  const JsonFields fields(object, where);
  MlpShape shape = read_shape(fields);
  TrainedPredictor trained;
  trained.use = read_use(tensors, shape, read_use_plan(fields, shape));
  trained.learnt_from = tensors.take<std::uint64_t>(
      learnt_from_tensor(fields.count("learnt_from_sequences", 0, sequences_max)));
  if (!std::is_sorted(trained.learnt_from.begin(), trained.learnt_from.end()))
    tensors.refuse("tensor 'learnt_from' is not in order, expected ascending fingerprints");
  trained.mlp = read_mlp(tensors, std::move(shape));
  tensors.expect_no_more();
  return trained;
}

TrainedPredictor load_predictor(const std::filesystem::path& path) {
  const MappedFile file(path);
  return parse_predictor_file(file.bytes(), path.string());
}

}  // namespace prophet
