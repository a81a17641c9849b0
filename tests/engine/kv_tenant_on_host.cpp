// The tenant's tests on the devices that need no accelerator.
#include "runtime/device/make_device.hpp"
#include "tests/engine/kv_tenant_suite.hpp"

namespace prophet::engine_test {
namespace {

std::unique_ptr<Device> make_named(const char* name) {
  DeviceOptions options;
  options.memory_bytes = 1U << 20;
  return make_device(name, options);
}

INSTANTIATE_TEST_SUITE_P(Host, KvTenantOn,
                         ::testing::Values(testing::DeviceCase{"cpu", [] { return make_named("cpu"); }},
                                           testing::DeviceCase{"sim",
                                                               [] { return make_named("sim:h100-80gb"); }}),
                         [](const auto& device) { return device.param.name; });

}  // namespace
}  // namespace prophet::engine_test
