#include "kernels/expert_layout.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"
#include "tests/kernels/expert_case.hpp"

namespace prophet::kernels {
namespace {

using testing::expert_formats;
using testing::layout_of;

struct Part {
  std::uint64_t offset, bytes;
};

void add_matrix(const SlabLayout& layout, const MatrixLayout& matrix, std::vector<Part>& parts) {
  const FormatInfo& info = format_info(layout.shape.format);
  const std::uint64_t stored_rows = std::uint64_t{matrix.rows} * matrix.row_step;
  parts.push_back(
      {matrix.values_offset_bytes, stored_rows * value_row_bytes(layout.shape.format, matrix.columns)});
  if (info.scale_bytes != 0) {
    const std::uint64_t scale_rows = (stored_rows + info.scale_rows - 1) / info.scale_rows;
    parts.push_back({matrix.scales_offset_bytes,
                     scale_rows * scales_in_row(layout.shape.format, matrix.columns) * info.scale_bytes});
  }
  if (layout.shape.has_bias) {
    parts.push_back({matrix.bias_offset_bytes, stored_rows * bias_bytes(layout.shape.format)});
  }
}

std::vector<Part> parts_of(const SlabLayout& layout) {
  std::vector<Part> parts;
  add_matrix(layout, layout.gate, parts);
  if (layout.shape.gated && !layout.shape.interleaved) add_matrix(layout, layout.up, parts);
  add_matrix(layout, layout.down, parts);
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.offset < b.offset; });
  return parts;
}

TEST(ExpertLayout, PartsLieOneBehindTheOtherOnSixteenBytes) {
  Random random(testing::fresh_seed());
  for (int repetition = 0; repetition < 200; ++repetition) {
    ExpertShape shape{.format = expert_formats[random.below(expert_format_count)]};
    shape.hidden_size = testing::random_dimension(random, shape.format, 400);
    shape.width = testing::random_dimension(random, shape.format, 400);
    shape.gated = random.below(2) == 0;
    shape.has_bias = random.below(2) == 0;
    shape.interleaved = shape.gated && random.below(2) == 0;
    const SlabLayout layout = layout_of(shape);
    SCOPED_TRACE(::testing::Message()
                 << format_info(shape.format).name << ' ' << shape.hidden_size << " x " << shape.width);
    std::uint64_t end = 0;
    for (const Part& part : parts_of(layout)) {
      ASSERT_EQ(part.offset % slab_part_alignment_bytes, 0U);
      ASSERT_GE(part.offset, end);
      ASSERT_LT(part.offset, end + slab_part_alignment_bytes);
      end = part.offset + part.bytes;
    }
    ASSERT_GE(layout.size_bytes, end);
    ASSERT_LT(layout.size_bytes, end + slab_part_alignment_bytes);
    ASSERT_EQ(layout.up.row_first, shape.interleaved ? 1U : 0U);
  }
}

/// The formats that store what a dtype of the catalogue does; fp8 counts its scales here and not there.
std::optional<ExpertFormat> format_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::fp32:
      return ExpertFormat::fp32;
    case Dtype::bf16:
      return ExpertFormat::bf16;
    case Dtype::fp16:
      return ExpertFormat::fp16;
    case Dtype::int8:
      return ExpertFormat::int8;
    case Dtype::int4:
      return ExpertFormat::int4_32;
    case Dtype::mxfp4:
      return ExpertFormat::mxfp4;
    case Dtype::fp8:
      return std::nullopt;
  }
  return std::nullopt;
}

TEST(ExpertLayout, TakesTheBytesThatTheCatalogueCounts) {
  int compared = 0;
  for (const std::string& name : catalogue_names()) {
    const ModelShape model = load_model(name);
    for (const Dtype dtype :
         {Dtype::fp32, Dtype::bf16, Dtype::fp16, Dtype::int8, Dtype::int4, Dtype::mxfp4}) {
      const ExpertShape shape{.format = *format_of(dtype),
                              .hidden_size = model.hidden_size,
                              .width = model.expert_width,
                              .gated = model.expert_matrices == 3,
                              .has_bias = model.expert_bias_params != 0};
      SlabLayout layout;
      ASSERT_EQ(slab_layout(shape, layout), Status::ok) << model.name;
      EXPECT_EQ(layout.size_bytes, expert_bytes(model, dtype)) << model.name << ' ' << dtype_name(dtype);
      ++compared;
    }
  }
  EXPECT_GE(compared, 6);
}

TEST(ExpertLayout, Fp8CountsItsScalesBesideTheCatalogue) {
  for (const std::string& name : catalogue_names()) {
    const ModelShape model = load_model(name);
    ExpertShape shape{.format = ExpertFormat::fp8_blocks,
                      .hidden_size = model.hidden_size,
                      .width = model.expert_width,
                      .gated = model.expert_matrices == 3,
                      .has_bias = model.expert_bias_params != 0};
    const std::uint64_t counted = expert_bytes(model, Dtype::fp8);
    const std::uint64_t by_blocks = layout_of(shape).size_bytes;
    EXPECT_GT(by_blocks, counted) << model.name;
    EXPECT_LT(by_blocks, counted + counted / 1000) << model.name;
    shape.format = ExpertFormat::fp8_rows;
    EXPECT_EQ(
        layout_of(shape).size_bytes,
        counted + 4 * ((model.expert_matrices - 1) * std::uint64_t{model.expert_width} + model.hidden_size))
        << model.name;
  }
}

TEST(ExpertLayout, RefusesRowsThatDoNotEndOnSixteenBytes) {
  SlabLayout layout;
  for (const ExpertFormat format : expert_formats) {
    const std::uint32_t multiple = format_info(format).column_multiple();
    const auto status = [&](std::uint32_t hidden_size, std::uint32_t width) {
      return slab_layout({.format = format, .hidden_size = hidden_size, .width = width}, layout);
    };
    EXPECT_EQ(status(multiple, 3 * multiple), Status::ok);
    EXPECT_EQ(status(multiple, multiple + 1), Status::bad_shape);
    EXPECT_EQ(status(multiple + multiple / 2, multiple), Status::bad_shape);
    EXPECT_EQ(status(0, multiple), Status::bad_shape);
    EXPECT_EQ(status(multiple, 0), Status::bad_shape);
    EXPECT_EQ(status(expert_dimension_max + multiple, multiple), Status::bad_shape);
  }
  EXPECT_EQ(slab_layout({.hidden_size = 4, .width = 4, .gated = false, .interleaved = true}, layout),
            Status::bad_shape);
}

TEST(ExpertLayout, PackedFp32IsWhatTheEngineStores) {
  SlabLayout layout;
  ASSERT_EQ(packed_fp32_layout(3 * 5 * 7 * 4 + 30, 7, layout), Status::ok);
  EXPECT_EQ(layout.shape.width, 5U);
  EXPECT_EQ(layout.gate.values_offset_bytes, 0U);
  EXPECT_EQ(layout.up.values_offset_bytes, 140U);
  EXPECT_EQ(layout.down.values_offset_bytes, 280U);
  EXPECT_EQ(layout.down.rows, 7U);
  EXPECT_EQ(layout.down.columns, 5U);
  EXPECT_EQ(packed_fp32_layout(3 * 7 * 4 - 1, 7, layout), Status::bad_shape);
  EXPECT_EQ(packed_fp32_layout(100, 0, layout), Status::bad_shape);
}

}  // namespace
}  // namespace prophet::kernels
