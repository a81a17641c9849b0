#include "kernels/expert_ffn_formats.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/expert_ffn.hpp"
#include "kernels/expert_formats.hpp"
#include "tests/kernels/expert_case.hpp"

namespace prophet::kernels {
namespace {

using testing::fresh_seed;
using testing::random_floats;

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

/// The activations once more in fp64, written from their definitions.
double activate_plainly(ExpertActivation activation, double g, double u) {
  const double pi = std::acos(-1.0);
  const double tanh_form = g / 2 * (1 + std::tanh(std::sqrt(2 / pi) * (g + 0.044715 * g * g * g)));
  const double erf_form = g / 2 * (1 + std::erf(g / std::sqrt(2.0)));
  switch (activation) {
    case ExpertActivation::swiglu:
      return g * sigmoid(g) * u;
    case ExpertActivation::geglu_tanh:
      return tanh_form * u;
    case ExpertActivation::geglu_erf:
      return erf_form * u;
    case ExpertActivation::swiglu_clamped: {
      const double clamped = std::min(g, 7.0);
      return clamped * sigmoid(1.702 * clamped) * (std::max(-7.0, std::min(u, 7.0)) + 1);
    }
    case ExpertActivation::gelu_tanh:
      return tanh_form;
    case ExpertActivation::gelu_erf:
      return erf_form;
    case ExpertActivation::relu:
      return std::max(g, 0.0);
  }
  return 0;
}

/// W x + b in fp64 from decoded values.
std::vector<double> project(const SlabLayout& layout, const MatrixLayout& matrix, const std::byte* slab,
                            const std::vector<double>& x) {
  std::vector<double> y(matrix.rows);
  for (std::uint32_t row = 0; row < matrix.rows; ++row) {
    for (std::uint32_t column = 0; column < matrix.columns; ++column)
      y[row] += x[column] * decode_code(layout.shape.format, matrix, slab, row, column) *
                decode_scale(layout.shape.format, matrix, slab, row, column);
    if (layout.shape.has_bias) y[row] += decode_bias(layout.shape.format, matrix, slab, row);
  }
  return y;
}

std::vector<double> ffn_plainly(const SlabLayout& layout, ExpertActivation activation, const std::byte* slab,
                                const float* x) {
  const std::vector<double> input(x, x + layout.shape.hidden_size);
  std::vector<double> inner = project(layout, layout.gate, slab, input);
  std::vector<double> up(inner.size());
  if (layout.shape.gated) up = project(layout, layout.up, slab, input);
  for (std::size_t w = 0; w < inner.size(); ++w) inner[w] = activate_plainly(activation, inner[w], up[w]);
  return project(layout, layout.down, slab, inner);
}

TEST(ExpertFfnFormats, EqualsThePlainLoopsInEveryFormatAndActivation) {
  Random random(fresh_seed());
  for (const ExpertFormat format : testing::expert_formats) {
    for (const ExpertActivation activation : testing::expert_activations) {
      ExpertShape shape{.format = format, .gated = is_gated(activation)};
      shape.hidden_size = testing::random_dimension(random, format, 192);
      shape.width = testing::random_dimension(random, format, 96);
      shape.has_bias = random.below(2) == 0;
      shape.interleaved = shape.gated && random.below(2) == 0;
      SCOPED_TRACE(::testing::Message() << format_info(format).name << ' ' << activation_name(activation)
                                        << ' ' << shape.hidden_size << " x " << shape.width);
      const SlabLayout layout = testing::layout_of(shape);
      const testing::RandomExpert expert(random, layout);
      const std::vector<float> hidden = random_floats(random, std::size_t{3} * shape.hidden_size);
      const std::vector<std::uint32_t> rows{2, 0, 2};
      std::vector<float> output(rows.size() * shape.hidden_size);
      std::vector<float> inner(rows.size() * shape.width);
      ASSERT_EQ(expert_ffn_formats(layout, activation, expert.slab.data(), hidden.data(), 3, rows,
                                   output.data(), inner.data()),
                Status::ok);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::vector<double> expected = ffn_plainly(
            layout, activation, expert.slab.data(), hidden.data() + rows[i] * std::size_t{shape.hidden_size});
        double largest = 0;
        for (const double value : expected) largest = std::max(largest, std::abs(value));
        for (std::size_t h = 0; h < shape.hidden_size; ++h)
          ASSERT_NEAR(output[i * shape.hidden_size + h], expected[h], 1e-5 * largest);
      }
    }
  }
}

TEST(ExpertFfnFormats, PackedFp32IsTheEnginesExpert) {
  Random random(fresh_seed());
  constexpr std::uint32_t hidden_size = 37;
  const std::vector<float> slab = random_floats(random, 3 * 21 * hidden_size + 5);
  const std::vector<float> hidden = random_floats(random, 4 * hidden_size);
  const std::vector<std::uint32_t> rows{3, 1};
  const std::uint64_t slab_bytes = slab.size() * sizeof(float);
  SlabLayout layout;
  ASSERT_EQ(packed_fp32_layout(slab_bytes, hidden_size, layout), Status::ok);
  std::vector<float> output(2 * hidden_size);
  std::vector<float> expected(2 * hidden_size);
  std::vector<float> inner(2 * 21);
  ASSERT_EQ(
      expert_ffn_formats(layout, ExpertActivation::swiglu, reinterpret_cast<const std::byte*>(slab.data()),
                         hidden.data(), 4, rows, output.data(), inner.data()),
      Status::ok);
  const ExpertMatrices expert = expert_matrices(slab.data(), slab_bytes, hidden_size);
  std::vector<float> workspace(expert_workspace_floats(2, expert.width, hidden_size));
  ASSERT_EQ(expert_ffn(expert, hidden.data(), 4, rows, expected.data(), workspace.data()), Status::ok);
  for (std::size_t i = 0; i < output.size(); ++i)
    ASSERT_NEAR(output[i], expected[i], 1e-5 * (1 + std::abs(expected[i])));
}

TEST(ExpertFfnFormats, NaNStaysNaNThroughEveryActivation) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const ExpertActivation activation : testing::expert_activations) {
    EXPECT_TRUE(std::isnan(activate(activation, nan, 1.0F))) << activation_name(activation);
    if (is_gated(activation)) {
      EXPECT_TRUE(std::isnan(activate(activation, 1.0F, nan))) << activation_name(activation);
    }
  }
}

TEST(ExpertFfnFormats, RefusesWhatItCannotDo) {
  const SlabLayout layout = testing::layout_of({.hidden_size = 4, .width = 4});
  const std::vector<std::byte> slab(layout.size_bytes);
  const std::vector<float> hidden(8);
  std::vector<float> output(4);
  std::vector<float> inner(4);
  const auto call = [&](ExpertActivation activation, std::vector<std::uint32_t> rows, float* out) {
    return expert_ffn_formats(layout, activation, slab.data(), hidden.data(), 2, rows, out, inner.data());
  };
  EXPECT_EQ(call(ExpertActivation::relu, {0}, output.data()), Status::bad_shape);
  EXPECT_EQ(call(ExpertActivation::swiglu, {2}, output.data()), Status::index_out_of_range);
  EXPECT_EQ(call(ExpertActivation::swiglu, {1}, nullptr), Status::null_pointer);
  EXPECT_EQ(call(ExpertActivation::swiglu, {}, nullptr), Status::ok);
  EXPECT_EQ(expert_ffn_formats(SlabLayout{}, ExpertActivation::swiglu, slab.data(), hidden.data(), 2, {},
                               output.data(), inner.data()),
            Status::bad_shape);
}

}  // namespace
}  // namespace prophet::kernels
