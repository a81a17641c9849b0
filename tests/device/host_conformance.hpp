#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/expert_ffn.hpp"
#include "tests/device/conformance.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::testing {

/// One expert in pinned memory, large enough for several of the host's cores: 7 parts into the inner layer, 4
/// out of it.
class HostCores : public Conformance {
 protected:
  static constexpr std::uint32_t hidden_size = 512;
  static constexpr std::uint32_t width = 200;
  static constexpr std::uint32_t tokens = 4;
  static constexpr std::uint64_t row_bytes = hidden_size * sizeof(float);
  static constexpr std::uint64_t slab_bytes = 3 * width * row_bytes;

  void SetUp() override {
    Conformance::SetUp();
    if (device_ == nullptr) return;
    Random random(fresh_seed());
    slab_ = pinned(slab_bytes);
    hidden_ = pinned(tokens * row_bytes);
    values_ = random_floats(random, slab_bytes / sizeof(float));
    states_ = random_floats(random, tokens * hidden_size);
    put_floats(slab_, values_);
    put_floats(hidden_, states_);
  }

  [[nodiscard]] ExpertOp op(BufferView output, std::span<const std::uint32_t> rows) const {
    return {slab_, slab_, hidden_, output, rows, hidden_size, 2 * rows.size() * slab_bytes / 4, 0, false};
  }
  /// By one thread.
  [[nodiscard]] std::vector<float> expected(std::span<const std::uint32_t> rows) const {
    const PlacedFloats slab(values_, 0);
    const PlacedFloats workspace(
        std::vector<float>(kernels::expert_workspace_floats(tokens, width, hidden_size)), 0);
    std::vector<float> output(rows.size() * hidden_size);
    const auto expert = kernels::expert_matrices(slab.data(), slab_bytes, hidden_size);
    EXPECT_EQ(kernels::expert_ffn(expert, states_.data(), tokens, rows, output.data(), workspace.data()),
              kernels::Status::ok);
    return output;
  }
  void expect_output(BufferView output, std::span<const std::uint32_t> rows) {
    if (!has_bytes()) return;
    EXPECT_EQ(floats(output), expected(rows));
  }

  BufferView slab_;
  BufferView hidden_;
  std::vector<float> values_;
  std::vector<float> states_;
};

}  // namespace prophet::testing
