#include "runtime/device/cuda_driver.hpp"

#include <gtest/gtest.h>

namespace prophet {
namespace {

TEST(CudaDriver, SaysWhatIsMissingExactlyWhenNoDeviceAnswers) {
  const CudaStatus status = cuda_status();
  EXPECT_EQ(status.missing.empty(), !status.devices.empty()) << status.missing;
  EXPECT_EQ(status.toolkit, !status.toolkit_version.empty());
  EXPECT_TRUE(status.driver || (status.driver_version.empty() && status.devices.empty()));
}

}  // namespace
}  // namespace prophet
