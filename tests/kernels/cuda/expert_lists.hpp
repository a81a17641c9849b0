#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "kernels/cuda/expert_ffn.hpp"
#include "kernels/expert_ffn_formats.hpp"
#include "kernels/kv_float.hpp"
#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/expert_case.hpp"

namespace prophet::kernels_test {

/// Hidden states as the device has them, and what they are in fp32.
struct HiddenStates {
  HiddenStates(Random& random, std::uint32_t token_count, std::uint32_t hidden_size,
               kernels::FloatFormat stored_as)
      : tokens(token_count), format(stored_as), values(std::size_t{token_count} * hidden_size) {
    const std::vector<float> drawn = testing::random_floats(random, values.size());
    std::vector<std::byte> bytes(values.size() * kernels::format_bytes(format));
    for (std::size_t i = 0; i < values.size(); ++i) {
      kernels::store_as(bytes.data(), i, format, drawn[i]);
      values[i] = kernels::load_as_float(bytes.data(), i, format);
    }
    device.emplace(std::span<const std::byte>(bytes));
  }
  [[nodiscard]] kernels::cuda::HiddenRows rows() const { return {device->data(), format}; }

  std::uint32_t tokens;
  kernels::FloatFormat format;
  std::vector<float> values;
  std::optional<DeviceArray<std::byte>> device;
};

/// A layer's experts with their rows, on the host and as the device reads them.
struct RoutedExperts {
  /// `row_counts`: the rows of each expert, drawn from `tokens`; the same row may come twice.
  RoutedExperts(Random& random, const kernels::SlabLayout& of, const std::vector<std::uint32_t>& row_counts,
                std::uint32_t tokens)
      : layout(of), first_row{0} {
    for (const std::uint32_t count : row_counts) {
      experts.emplace_back(random, of);
      for (std::uint32_t i = 0; i < count; ++i)
        rows.push_back(static_cast<std::uint32_t>(random.below(tokens)));
      first_row.push_back(static_cast<std::uint32_t>(rows.size()));
    }
    for (const auto& expert : experts)
      device_slabs.push_back(std::make_unique<DeviceArray<std::byte>>(expert.slab));
    for (const auto& slab : device_slabs) slabs.push_back(slab->data());
  }
  [[nodiscard]] std::size_t output_floats() const { return rows.size() * layout.shape.hidden_size; }

  /// What the reference computes of all of them.
  [[nodiscard]] std::vector<float> reference(kernels::ExpertActivation activation,
                                             const HiddenStates& hidden) const {
    std::vector<float> output(output_floats());
    for (std::size_t e = 0; e < experts.size(); ++e) {
      const std::span<const std::uint32_t> own(rows.data() + first_row[e], first_row[e + 1] - first_row[e]);
      std::vector<float> inner(own.size() * layout.shape.width + 1);
      EXPECT_EQ(kernels::expert_ffn_formats(
                    layout, activation, experts[e].slab.data(), hidden.values.data(), hidden.tokens, own,
                    output.data() + std::size_t{first_row[e]} * layout.shape.hidden_size, inner.data()),
                kernels::Status::ok);
    }
    return output;
  }

  kernels::SlabLayout layout;
  std::vector<testing::RandomExpert> experts;
  std::vector<std::uint32_t> rows;
  std::vector<std::uint32_t> first_row;
  std::vector<std::unique_ptr<DeviceArray<std::byte>>> device_slabs;
  std::vector<const void*> slabs;
};

/// The bits of the reference where CUDA's exp, tanh and erf are the host's; elsewhere within `tolerance` of
/// the largest magnitude.
inline void expect_outputs(const std::vector<float>& found, const std::vector<float>& expected,
                           bool same_bits, float tolerance = 1e-5F) {
  ASSERT_EQ(found.size(), expected.size());
  float largest = 0;
  for (const float value : expected) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (same_bits) {
      ASSERT_EQ(found[i], expected[i]) << "value " << i;
    } else {
      ASSERT_NEAR(found[i], expected[i], tolerance * largest) << "value " << i;
    }
  }
}

}  // namespace prophet::kernels_test
