#include <gtest/gtest.h>

#include "tests/ptx/kernels/device.hpp"

namespace prophet::ptx {
namespace {

TEST(Ptx, EveryInstructionOfEveryKernelIsKnown) {
  ASSERT_FALSE(Device::instance().sources().empty());
  for (auto& source : Device::instance().sources()) {
    EXPECT_NO_THROW(Device::instance().program(source).prepare_all()) << source.name;
  }
}

}  // namespace
}  // namespace prophet::ptx
