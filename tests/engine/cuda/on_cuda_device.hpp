#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "prophet/error.hpp"
#include "runtime/device/cuda_device.hpp"

namespace prophet::engine_test {

/// Base of tests on a cuda device, the vehicle's or a GPU's; they skip by name where there is none.
class OnCudaDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      device_ = make_cuda_device({});
    } catch (const Error& error) {
      if (error.code() != ErrorCode::no_device) throw;
      GTEST_SKIP() << error.what();
    }
  }

  std::unique_ptr<CudaDevice> device_;
};

}  // namespace prophet::engine_test
