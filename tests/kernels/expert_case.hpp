#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/expert_activation.hpp"
#include "kernels/expert_layout.hpp"
#include "kernels/expert_quantise.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::testing {

inline constexpr kernels::ExpertFormat expert_formats[] = {
    kernels::ExpertFormat::fp32,     kernels::ExpertFormat::bf16,       kernels::ExpertFormat::fp16,
    kernels::ExpertFormat::fp8_rows, kernels::ExpertFormat::fp8_blocks, kernels::ExpertFormat::int8,
    kernels::ExpertFormat::int4_32,  kernels::ExpertFormat::int4_128,   kernels::ExpertFormat::mxfp4,
};

inline constexpr kernels::ExpertActivation expert_activations[] = {
    kernels::ExpertActivation::swiglu,    kernels::ExpertActivation::geglu_tanh,
    kernels::ExpertActivation::geglu_erf, kernels::ExpertActivation::swiglu_clamped,
    kernels::ExpertActivation::gelu_tanh, kernels::ExpertActivation::gelu_erf,
    kernels::ExpertActivation::relu,
};

/// The layout of a shape that the format takes; fails the test where it does not.
inline kernels::SlabLayout layout_of(const kernels::ExpertShape& shape) {
  kernels::SlabLayout layout;
  EXPECT_EQ(kernels::slab_layout(shape, layout), kernels::Status::ok);
  return layout;
}

/// An expert of random weights: its values in fp32 and its slab.
struct RandomExpert {
  RandomExpert(Random& random, const kernels::SlabLayout& layout)
      : gate(random_floats(random, std::size_t{layout.shape.width} * layout.shape.hidden_size)),
        up(random_floats(random, layout.shape.gated ? gate.size() : 0)),
        down(random_floats(random, gate.size())),
        gate_bias(random_floats(random, layout.shape.width)),
        up_bias(random_floats(random, layout.shape.width)),
        down_bias(random_floats(random, layout.shape.hidden_size)),
        slab(layout.size_bytes) {
    kernels::encode_expert(layout, values(), slab.data());
  }
  [[nodiscard]] kernels::ExpertValues values() const {
    return {gate.data(), up.data(), down.data(), gate_bias.data(), up_bias.data(), down_bias.data()};
  }

  std::vector<float> gate, up, down, gate_bias, up_bias, down_bias;
  std::vector<std::byte> slab;
};

/// A multiple of what the format's rows must be a multiple of, at most `most`, seldom one of its blocks.
inline std::uint32_t random_dimension(Random& random, kernels::ExpertFormat format, std::uint32_t most) {
  const std::uint32_t multiple = kernels::format_info(format).column_multiple();
  return multiple * static_cast<std::uint32_t>(1 + random.below(most / multiple));
}

}  // namespace prophet::testing
