#include "runtime/device/decorators/limited_device.hpp"

#include <gtest/gtest.h>

#include "prophet/error.hpp"
#include "runtime/device/cpu_device.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t mib = 1ULL << 20;

TEST(LimitedDevice, CapsDeviceMemoryButNotPinnedMemory) {
  LimitedDevice device(make_cpu_device({64 * mib, 0}), mib);
  EXPECT_EQ(device.info().memory_bytes, mib);
  const BufferView pinned = device.allocate(MemoryKind::host_pinned, 2 * mib);
  const BufferView half = device.allocate(MemoryKind::device, mib / 2);
  EXPECT_THROW(static_cast<void>(device.allocate(MemoryKind::device, mib / 2 + 1)), Error);
  EXPECT_EQ(device.used_bytes(), mib / 2);
  device.free(pinned);
  EXPECT_EQ(device.used_bytes(), mib / 2);
  device.free(half);
  EXPECT_EQ(device.used_bytes(), 0U);
  device.free(half);
  EXPECT_EQ(device.used_bytes(), 0U);
}

TEST(LimitedDevice, DoesNotPromiseMoreThanTheDeviceHas) {
  LimitedDevice device(make_cpu_device({mib, 0}), 64 * mib);
  EXPECT_EQ(device.info().memory_bytes, mib);
  EXPECT_THROW(static_cast<void>(device.allocate(MemoryKind::device, mib + 1)), Error);
  EXPECT_EQ(device.used_bytes(), 0U);
}

}  // namespace
}  // namespace prophet
