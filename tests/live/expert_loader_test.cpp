// What slabs hold is the checkpoint: exactly as it stores experts, and to within half a code of any other
// format.
#include "runtime/engine/live/expert_loader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "kernels/expert_formats.hpp"
#include "prophet/error.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/engine/live/live_weights.hpp"
#include "runtime/model/decoder_tensors.hpp"
#include "runtime/model/safetensors/tensor_values.hpp"
#include "tests/live/rewritten_model.hpp"
#include "tests/support/decoder_fixture.hpp"

namespace prophet::testing {
namespace {

using kernels::ExpertFormat;

const std::vector<const char*> models{"olmoe-tiny", "qwen2-moe-tiny", "qwen3-moe-tiny", "mixtral-tiny"};

std::filesystem::path model(const char* name) {
  return live_folder() / "models" / name;
}

/// What a value may be off by when `largest` is the largest magnitude that it shares a scale with. Beside
/// half a code, an fp16 scale may be off by 2^-11 of itself.
float allowed_error(ExpertFormat format, float value, float largest) {
  const float rounding = 1e-6F * largest;  // of the division and the product, in fp32
  switch (format) {
    case ExpertFormat::fp32:
      return 0;
    case ExpertFormat::bf16:
      return std::abs(value) * 0x1p-8F;
    case ExpertFormat::fp16:
      return std::max(std::abs(value) * 0x1p-11F, 0x1p-25F);
    case ExpertFormat::fp8_rows:
      return std::max(std::abs(value) * 0x1p-4F, largest / 448 * 0x1p-10F) + rounding;
    case ExpertFormat::int8:
      return largest / 127 / 2 + rounding;
    case ExpertFormat::int4_32:
      return largest / 7 / 2 + largest * 0x1p-11F + rounding;
    case ExpertFormat::mxfp4: {
      // A scale of 2^(e-2) for a largest magnitude in [2^e, 2^(e+1)): codes reach 6 of up to 8 scales.
      const float scale = std::exp2(std::floor(std::log2(std::max(largest, 0x1p-100F))) - 2);
      return std::abs(value) > 4 * scale ? 2 * scale : scale;
    }
    default:
      return -1;
  }
}

/// How far the slab's matrix is from the tensor, and never further than the format says.
void expect_near(const kernels::MatrixLayout& matrix, ExpertFormat format, const std::byte* slab,
                 const TensorView& tensor) {
  std::vector<float> values(std::size_t{matrix.rows} * matrix.columns);
  copy_values(tensor, values);
  const kernels::FormatInfo& info = kernels::format_info(format);
  const std::size_t group =
      info.scale_columns == 0 ? matrix.columns : std::min<std::size_t>(info.scale_columns, matrix.columns);
  for (std::size_t first = 0; first < values.size(); first += group) {
    float largest = 0;
    for (std::size_t i = first; i < first + group; ++i) largest = std::max(largest, std::abs(values[i]));
    for (std::size_t i = first; i < first + group; ++i) {
      const float found = kernels::decode_value(format, matrix, slab, i / matrix.columns, i % matrix.columns);
      ASSERT_LE(std::abs(found - values[i]), allowed_error(format, values[i], largest))
          << info.name << ", " << tensor.name << ", value " << i << ": " << values[i] << " became " << found;
    }
  }
}

void expect_store_is_the_checkpoint(const char* name, std::optional<ExpertFormat> format) {
  const auto device = make_cpu_device({});
  const LiveWeights weights(*device, model(name), format);
  const Checkpoint checkpoint(model(name));
  const DecoderConfig config = load_decoder_config(model(name));
  const kernels::SlabLayout& layout = weights.layout();
  std::uint32_t expert = 0;
  for (const LayerTensors& layer : tensor_names(config).layers) {
    for (const FeedForwardTensors& tensors : layer.experts) {
      const std::byte* const slab = device->host_bytes(weights.store().expert(ExpertIndex{expert++})).data();
      expect_near(layout.gate, layout.shape.format, slab, checkpoint.at(tensors.gate.name));
      expect_near(layout.up, layout.shape.format, slab, checkpoint.at(tensors.up.name));
      expect_near(layout.down, layout.shape.format, slab, checkpoint.at(tensors.down.name));
    }
  }
  EXPECT_EQ(expert, config.shape.grid.size());
}

TEST(ExpertLoader, KeepsWhatTheCheckpointStoresBitByBit) {
  for (const char* const name : models) {
    SCOPED_TRACE(name);
    const auto device = make_cpu_device({});
    const LiveWeights weights(*device, model(name), std::nullopt);
    const Checkpoint checkpoint(model(name));
    const kernels::SlabLayout& layout = weights.layout();
    EXPECT_EQ(layout.size_bytes, weights.stored_expert_bytes());
    std::uint32_t expert = 0;
    for (const LayerTensors& layer : tensor_names(weights.config()).layers) {
      for (const FeedForwardTensors& tensors : layer.experts) {
        const std::byte* const slab =
            device->host_bytes(weights.store().expert(ExpertIndex{expert++})).data();
        for (const auto& [matrix, tensor] : {std::pair{&layout.gate, &tensors.gate},
                                             {&layout.up, &tensors.up},
                                             {&layout.down, &tensors.down}}) {
          const std::span<const std::byte> stored = checkpoint.at(tensor->name).bytes;
          ASSERT_EQ(std::memcmp(slab + matrix->values_offset_bytes, stored.data(), stored.size()), 0)
              << tensor->name;
        }
      }
    }
  }
}

TEST(ExpertLoader, ConvertsToWithinHalfACodeOfEveryFormat) {
  for (const char* const name : models) {
    for (const char* const format : {"bf16", "fp16", "fp32", "fp8", "int8", "int4", "mxfp4"})
      expect_store_is_the_checkpoint(name, parse_expert_format(format));
  }
}

TEST(ExpertLoader, SmallerCodesMakeSmallerSlabs) {
  const Checkpoint checkpoint(model("olmoe-tiny"));
  const DecoderConfig config = load_decoder_config(model("olmoe-tiny"));
  std::uint64_t before = UINT64_MAX;
  for (const char* const format : {"fp32", "bf16", "int8", "int4", "mxfp4"}) {
    const std::uint64_t bytes =
        live_expert_layout(checkpoint, config, parse_expert_format(format)).size_bytes;
    EXPECT_LT(bytes, before) << format;
    before = bytes;
  }
}

TEST(ExpertLoader, AnUnknownFormatIsRefusedWithTheKnownOnes) {
  try {
    (void)parse_expert_format("int3");
    FAIL() << "int3 was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_STREQ(error.what(),
                 "expert format 'int3': expected one of bf16, fp16, fp32, fp8, int8, int4, mxfp4");
  }
}

constexpr const char* expert_down = "model.layers.1.mlp.experts.5.down_proj.weight";

TEST(ExpertLoader, ValuesThatAreNotFiniteCannotBeScaled) {
  const RewrittenModel with_nan(model("olmoe-tiny"), [](std::vector<WrittenTensor>& tensors) {
    const std::uint16_t nan = 0x7E00;
    std::memcpy(tensor_of(tensors, expert_down).data.data() + 40, &nan, sizeof nan);
  });
  const auto device = make_cpu_device({});
  for (const char* const format : {"int8", "int4", "mxfp4", "fp8"}) {
    try {
      const LiveWeights weights(*device, with_nan.folder(), parse_expert_format(format));
      FAIL() << format << " took a NaN";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      EXPECT_NE(std::string(error.what()).find(expert_down), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("not finite"), std::string::npos) << error.what();
    }
  }
  EXPECT_NO_THROW(LiveWeights(*device, with_nan.folder(), std::nullopt));
  EXPECT_NO_THROW(LiveWeights(*device, with_nan.folder(), ExpertFormat::bf16));
}

TEST(ExpertLoader, ExpertsOfSeveralDtypesNeedAFormat) {
  const RewrittenModel mixed(model("olmoe-tiny"), [](std::vector<WrittenTensor>& tensors) {
    tensor_of(tensors, expert_down).dtype = TensorDtype::bf16;
  });
  const auto device = make_cpu_device({});
  try {
    const LiveWeights weights(*device, mixed.folder(), std::nullopt);
    FAIL() << "two dtypes were accepted as one";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_NE(std::string(error.what()).find(expert_down), std::string::npos) << error.what();
  }
  EXPECT_NO_THROW(LiveWeights(*device, mixed.folder(), ExpertFormat::bf16));
}

TEST(ExpertLoader, Fp8IsKeptAsBf16WhichHoldsEachOfItsValues) {
  const RewrittenModel fp8(model("olmoe-tiny"), [](std::vector<WrittenTensor>& tensors) {
    for (WrittenTensor& tensor : tensors) {
      if (tensor.name.find(".experts.") == std::string::npos) continue;
      tensor.dtype = TensorDtype::f8_e4m3;
      tensor.data.resize(tensor.data.size() / 2);
      for (std::size_t i = 0; i < tensor.data.size(); ++i)
        tensor.data[i] = static_cast<std::byte>(i % 2 == 0 ? i % 127 : 128 + i % 127);
    }
  });
  const auto device = make_cpu_device({});
  const LiveWeights weights(*device, fp8.folder(), std::nullopt);
  EXPECT_EQ(weights.layout().shape.format, ExpertFormat::bf16);
  const Checkpoint checkpoint(fp8.folder());
  const TensorView tensor = checkpoint.at(expert_down);
  std::vector<float> values(tensor.bytes.size());
  copy_values(tensor, values);
  const kernels::MatrixLayout& down = weights.layout().down;
  const std::byte* const slab =
      device->host_bytes(weights.store().expert(weights.config().shape.grid.index(LayerId{1}, ExpertId{5})))
          .data();
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(kernels::decode_value(ExpertFormat::bf16, down, slab, i / down.columns, i % down.columns),
              values[i])
        << i;
  }
}

}  // namespace
}  // namespace prophet::testing
