#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/device/device.hpp"

namespace prophet::testing {

/// One way to make a device; every test of the suite runs on each. `make` returns null where there is no such
/// device: the test skips by name.
struct DeviceCase {
  std::string name;
  std::function<std::unique_ptr<Device>()> make;
};

inline void PrintTo(const DeviceCase& device_case, std::ostream* out) {
  *out << device_case.name;
}

/// What every Device promises, whichever it is: see runtime/device/device.hpp. Capacity is at least 8 MiB.
class Conformance : public ::testing::TestWithParam<DeviceCase> {
 protected:
  Conformance() : device_(GetParam().make()) {}
  void SetUp() override {
    if (device_ == nullptr) GTEST_SKIP() << "no such device here";
  }

  [[nodiscard]] Device& device() { return *device_; }
  [[nodiscard]] bool has_bytes() const { return device_->info().has_bytes; }

  [[nodiscard]] BufferView pinned(std::uint64_t size_bytes) {
    return device_->allocate(MemoryKind::host_pinned, size_bytes);
  }
  [[nodiscard]] BufferView on_device(std::uint64_t size_bytes) {
    return device_->allocate(MemoryKind::device, size_bytes);
  }
  void fill(BufferView view, unsigned char value) {
    for (std::byte& one : device_->host_bytes(view)) one = std::byte{value};
  }
  /// Where there are bytes, all of `view` are `value`.
  void expect_bytes(BufferView view, unsigned char value) {
    if (!has_bytes()) return;
    for (const std::byte one : device_->host_bytes(view)) ASSERT_EQ(one, std::byte{value});
  }
  void put_floats(BufferView view, std::span<const float> values) {
    if (!has_bytes()) return;
    std::memcpy(device_->host_bytes(view).data(), values.data(), values.size_bytes());
  }
  [[nodiscard]] std::vector<float> floats(BufferView view) {
    std::vector<float> values(view.size_bytes / sizeof(float));
    std::memcpy(values.data(), device_->host_bytes(view).data(), values.size() * sizeof(float));
    return values;
  }
  /// The CPU's devices compute what the references compute to the last bit; a GPU adds in another order.
  void expect_floats(const std::vector<float>& found, const std::vector<float>& expected) {
    if (device_->info().kind == "cpu") {
      EXPECT_EQ(found, expected);
      return;
    }
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const float tolerance = 1e-5F * std::max(1.0F, std::abs(expected[i]));
      ASSERT_NEAR(found[i], expected[i], tolerance) << "at " << i;
    }
  }
  /// Runs `act`, which must throw an Error with `code`; returns its sentence.
  template <class Act>
  std::string refusal(ErrorCode code, Act act) {
    try {
      act();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
  }

  std::unique_ptr<Device> device_;
};

}  // namespace prophet::testing
