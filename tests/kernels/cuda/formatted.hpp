#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kv_float.hpp"
#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/float_arrays.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {

/// Numbers in a format on the host and on the device, `distance` values behind a boundary of 256 bytes there.
class FormattedNumbers {
 public:
  FormattedNumbers(const std::vector<float>& values, kernels::FloatFormat format, std::size_t distance = 0)
      : distance_bytes_(distance * kernels::format_bytes(format)),
        host_(testing::stored(values, format)),
        device_(distance_bytes_ + host_.size()) {
    if (!host_.empty()) expect_ok(cudaMemcpy(device(), host_.data(), host_.size(), cudaMemcpyHostToDevice));
  }
  [[nodiscard]] const void* host() const noexcept { return host_.data(); }
  [[nodiscard]] void* device() const noexcept { return device_.data() + distance_bytes_; }
  /// As fp32, when everything submitted so far has run. REQUIRES: the format is fp32.
  [[nodiscard]] std::vector<float> read() const {
    const std::vector<std::byte> bytes = device_.read();
    std::vector<float> values(host_.size() / sizeof(float));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = kernels::load_as_float(bytes.data() + distance_bytes_, i, kernels::FloatFormat::fp32);
    return values;
  }

 private:
  std::size_t distance_bytes_;
  std::vector<std::byte> host_;
  DeviceArray<std::byte> device_;
};

/// fp32 on the device.
class PlacedOnDevice : public FormattedNumbers {
 public:
  explicit PlacedOnDevice(const std::vector<float>& values, std::size_t distance = 0)
      : FormattedNumbers(values, kernels::FloatFormat::fp32, distance) {}
  [[nodiscard]] float* data() const noexcept { return static_cast<float*>(device()); }
};

[[nodiscard]] inline kernels::FloatFormat draw_format(Random& random) {
  return static_cast<kernels::FloatFormat>(random.below(3));
}

/// The bits of values, for comparisons in which a not-a-number equals itself and 0 is not -0.
[[nodiscard]] inline std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    bits[i] = values[i] != values[i] ? 0x7FC00000U : std::bit_cast<std::uint32_t>(values[i]);
  return bits;
}

}  // namespace prophet::kernels_test
