#include "kernels/cuda/dequantise.hpp"

#include <cmath>
#include <memory>
#include <vector>

#include "kernels/expert_formats.hpp"
#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/expert_case.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::ExpertFormat;
using kernels::MatrixLayout;
using kernels::SlabLayout;
using kernels::cuda::ExpertBatch;
using testing::fresh_seed;

class CudaDequantise : public OnDevice {};

constexpr ExpertFormat written_out[] = {ExpertFormat::fp8_rows, ExpertFormat::fp8_blocks,
                                        ExpertFormat::int8,     ExpertFormat::int4_32,
                                        ExpertFormat::int4_128, ExpertFormat::mxfp4};

/// The matrix of `slab` as bf16 bits from its decoder.
void expect_matrix(ExpertFormat format, const MatrixLayout& stored, const std::byte* slab,
                   const std::uint16_t* found) {
  const std::uint32_t rows = stored.rows * stored.row_step;
  const MatrixLayout every_row{.values_offset_bytes = stored.values_offset_bytes,
                               .scales_offset_bytes = stored.scales_offset_bytes,
                               .rows = rows,
                               .columns = stored.columns};
  for (std::uint32_t row = 0; row < rows; ++row) {
    for (std::uint32_t column = 0; column < stored.columns; ++column) {
      const float value = kernels::decode_value(format, every_row, slab, row, column);
      const std::uint16_t bits = found[std::size_t{row} * stored.columns + column];
      if (std::isnan(value)) {
        ASSERT_TRUE(std::isnan(kernels::decode_bf16(bits))) << row << ' ' << column;
      } else {
        ASSERT_EQ(bits, kernels::encode_bf16(value)) << row << ' ' << column;
      }
    }
  }
}

void expect_written_out(Random& random, const kernels::ExpertShape& shape, bool any_bits) {
  const SlabLayout layout = testing::layout_of(shape);
  std::vector<testing::RandomExpert> experts;
  std::vector<std::unique_ptr<DeviceArray<std::byte>>> slabs;
  ExpertBatch batch;
  for (; batch.count < 3; ++batch.count) {
    auto& slab = experts.emplace_back(random, layout).slab;
    if (any_bits) {
      for (auto& byte : slab) byte = static_cast<std::byte>(random.below(256));
    }
    slabs.push_back(std::make_unique<DeviceArray<std::byte>>(slab));
    batch.slabs[batch.count] = slabs.back()->data();
  }
  for (const MatrixLayout* matrix : {&layout.gate, &layout.down}) {
    const std::size_t values = std::size_t{matrix->rows} * matrix->row_step * matrix->columns;
    const std::size_t stride = values + 8 * random.below(3);
    const DeviceArray<std::uint16_t> output(std::vector<std::uint16_t>(3 * stride, 0x1234));
    expect_ok(kernels::cuda::dequantise(shape.format, *matrix, batch, output.data(), stride, nullptr));
    const std::vector<std::uint16_t> found = output.read();
    for (std::size_t e = 0; e < 3; ++e) {
      ASSERT_NO_FATAL_FAILURE(
          expect_matrix(shape.format, *matrix, experts[e].slab.data(), found.data() + e * stride));
      for (std::size_t i = values; i < stride; ++i)
        ASSERT_EQ(found[e * stride + i], 0x1234) << "between two slabs";
    }
  }
}

TEST_F(CudaDequantise, IsTheDecoderInBf16InEveryFormat) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 18; ++repetition) {
    kernels::ExpertShape shape{.format = written_out[repetition % 6]};
    shape.hidden_size = testing::random_dimension(random, shape.format, 300);
    shape.width = testing::random_dimension(random, shape.format, 160);
    shape.interleaved = random.below(2) == 0;
    SCOPED_TRACE(::testing::Message() << kernels::format_info(shape.format).name << ' ' << shape.hidden_size
                                      << " x " << shape.width);
    ASSERT_NO_FATAL_FAILURE(expect_written_out(random, shape, false));
  }
}

TEST_F(CudaDequantise, TakesEveryCodeAndScaleThereIs) {
  Random random(fresh_seed());
  for (const ExpertFormat format : written_out) {
    SCOPED_TRACE(kernels::format_info(format).name);
    ASSERT_NO_FATAL_FAILURE(
        expect_written_out(random, {.format = format, .hidden_size = 256, .width = 32}, true));
  }
}

TEST_F(CudaDequantise, RefusesWhatItCannotDo) {
  const DeviceArray<std::byte> slab(std::vector<std::byte>(4096));
  const DeviceArray<std::uint16_t> output(4096);
  const SlabLayout layout =
      testing::layout_of({.format = ExpertFormat::int8, .hidden_size = 16, .width = 32});
  ExpertBatch batch;
  batch.slabs[0] = slab.data();
  const auto call = [&](ExpertFormat format, const MatrixLayout& matrix, std::uint16_t* to,
                        std::uint64_t stride) {
    return kernels::cuda::dequantise(format, matrix, batch, to, stride, nullptr);
  };
  expect_ok(call(ExpertFormat::int8, layout.gate, nullptr, 512));
  batch.count = 1;
  expect_ok(call(ExpertFormat::int8, layout.gate, output.data(), 512));
  EXPECT_EQ(call(ExpertFormat::bf16, layout.gate, output.data(), 512), cudaErrorInvalidValue);
  EXPECT_EQ(call(ExpertFormat::mxfp4, layout.gate, output.data(), 512), cudaErrorInvalidValue);
  EXPECT_EQ(call(ExpertFormat::int8, layout.gate, nullptr, 512), cudaErrorInvalidValue);
  EXPECT_EQ(call(ExpertFormat::int8, layout.gate, output.data() + 1, 512), cudaErrorInvalidValue);
  EXPECT_EQ(call(ExpertFormat::int8, layout.gate, output.data(), 513), cudaErrorInvalidValue);
  EXPECT_EQ(call(ExpertFormat::int8, MatrixLayout{}, output.data(), 512), cudaErrorInvalidValue);
  batch.slabs[0] = slab.data() + 8;
  EXPECT_EQ(call(ExpertFormat::int8, layout.gate, output.data(), 512), cudaErrorInvalidValue);
  batch.count = kernels::cuda::expert_batch_max + 1;
  EXPECT_EQ(call(ExpertFormat::int8, layout.gate, output.data(), 512), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace prophet::kernels_test
