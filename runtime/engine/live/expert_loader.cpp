#include "runtime/engine/live/expert_loader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/expert_quantise.hpp"
#include "prophet/error.hpp"
#include "runtime/model/decoder_tensors.hpp"
#include "runtime/model/safetensors/tensor_values.hpp"

namespace prophet {
namespace {

using kernels::ExpertFormat;

constexpr std::array<std::pair<std::string_view, ExpertFormat>, 7> format_names = {
    {{"bf16", ExpertFormat::bf16},
     {"fp16", ExpertFormat::fp16},
     {"fp32", ExpertFormat::fp32},
     {"fp8", ExpertFormat::fp8_rows},
     {"int8", ExpertFormat::int8},
     {"int4", ExpertFormat::int4_32},
     {"mxfp4", ExpertFormat::mxfp4}}};

ExpertFormat format_of(TensorDtype dtype) {
  if (dtype == TensorDtype::f32) return ExpertFormat::fp32;
  return dtype == TensorDtype::f16 ? ExpertFormat::fp16 : ExpertFormat::bf16;
}

/// The tensors of all experts, [MoE layers * experts].
std::vector<FeedForwardTensors> expert_tensors(const DecoderConfig& config) {
  std::vector<FeedForwardTensors> all;
  for (LayerTensors& layer : tensor_names(config).layers) {
    for (FeedForwardTensors& expert : layer.experts) all.push_back(std::move(expert));
  }
  return all;
}

ExpertFormat stored_format(const Checkpoint& checkpoint, const DecoderConfig& config) {
  std::optional<ExpertFormat> found;
  for (const FeedForwardTensors& expert : expert_tensors(config)) {
    for (const NamedTensor* tensor : {&expert.gate, &expert.up, &expert.down}) {
      const ExpertFormat format = format_of(checkpoint.at(tensor->name).dtype);
      if (found.value_or(format) != format) {
        throw Error(
            ErrorCode::bad_input,
            fmt::format("{}: {} is stored as {}, expected the {} of the experts before it, or a format "
                        "that all are converted to",
                        checkpoint.folder(), tensor->name, kernels::format_info(format).name,
                        kernels::format_info(*found).name));
      }
      found = format;
    }
  }
  return found.value_or(ExpertFormat::bf16);
}

/// One expert after another, from the checkpoint's tensors to the slab's parts.
class Converter {
 public:
  Converter(const Checkpoint& checkpoint, const DecoderConfig& config, const kernels::SlabLayout& layout)
      : checkpoint_(checkpoint),
        experts_(expert_tensors(config)),
        layout_(layout),
        values_(3 * std::size_t{layout.shape.hidden_size} * layout.shape.width) {}

  void write(ExpertIndex expert, std::span<std::byte> slab) {
    const FeedForwardTensors& tensors = experts_[expert.index()];
    const std::size_t matrix = values_.size() / 3;
    const std::span<float> all(values_);
    kernels::ExpertValues values;
    values.gate = read(tensors.gate, all.subspan(0, matrix));
    values.up = read(tensors.up, all.subspan(matrix, matrix));
    values.down = read(tensors.down, all.subspan(2 * matrix, matrix));
    kernels::encode_expert(layout_, values, slab.data());
  }

 private:
  const float* read(const NamedTensor& tensor, std::span<float> values) const {
    copy_values(checkpoint_.at(tensor.name), values);
    if (kernels::format_info(layout_.shape.format).scale_bytes != 0 &&
        !std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      throw Error(
          ErrorCode::bad_input,
          fmt::format("{}: {} has a value that is not finite, expected finite ones to convert to {}",
                      checkpoint_.folder(), tensor.name, kernels::format_info(layout_.shape.format).name));
    }
    return values.data();
  }

  const Checkpoint& checkpoint_;
  std::vector<FeedForwardTensors> experts_;
  kernels::SlabLayout layout_;
  std::vector<float> values_;
};

}  // namespace

ExpertFormat parse_expert_format(std::string_view name) {
  std::vector<std::string_view> known;
  for (const auto& [known_name, format] : format_names) {
    if (known_name == name) return format;
    known.push_back(known_name);
  }
  throw Error(ErrorCode::usage,
              fmt::format("expert format '{}': expected one of {}", name, fmt::join(known, ", ")));
}

std::string_view expert_format_name(ExpertFormat format) noexcept {
  for (const auto& [name, known] : format_names) {
    if (known == format) return name;
  }
  return kernels::format_info(format).name;
}

kernels::SlabLayout live_expert_layout(const Checkpoint& checkpoint, const DecoderConfig& config,
                                       std::optional<ExpertFormat> format) {
  kernels::ExpertShape shape;
  shape.format = format ? *format : stored_format(checkpoint, config);
  shape.hidden_size = config.architecture.hidden_size;
  shape.width = config.architecture.expert_width;
  kernels::SlabLayout layout;
  if (kernels::slab_layout(shape, layout) == kernels::Status::ok) return layout;
  const kernels::FormatInfo& info = kernels::format_info(shape.format);
  throw Error(
      ErrorCode::bad_input,
      fmt::format("{}: experts [{}, {}] in {}: expected both to be multiples of {}", checkpoint.folder(),
                  shape.width, shape.hidden_size, info.name, info.column_multiple()));
}

std::uint64_t stored_expert_bytes(const Checkpoint& checkpoint, const DecoderConfig& config) {
  std::uint64_t largest = 0;
  for (const FeedForwardTensors& expert : expert_tensors(config)) {
    std::uint64_t bytes = 0;
    for (const NamedTensor* tensor : {&expert.gate, &expert.up, &expert.down})
      bytes += checkpoint.at(tensor->name).bytes.size();
    largest = std::max(largest, bytes);
  }
  return largest;
}

ExpertFiller checkpoint_experts(const Checkpoint& checkpoint, const DecoderConfig& config,
                                const kernels::SlabLayout& layout) {
  const auto converter = std::make_shared<Converter>(checkpoint, config, layout);
  return [converter](ExpertIndex expert, std::span<std::byte> slab) { converter->write(expert, slab); };
}

}  // namespace prophet
