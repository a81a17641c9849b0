#pragma once

#include <gtest/gtest.h>

#include "tests/device/conformance.hpp"
#include "tests/engine/tenant_world.hpp"

namespace prophet::engine_test {

/// What KvTenant promises on each device; each program says on which.
class KvTenantOn : public ::testing::TestWithParam<testing::DeviceCase> {
 protected:
  [[nodiscard]] static std::unique_ptr<Device> make() { return GetParam().make(); }
};

}  // namespace prophet::engine_test
