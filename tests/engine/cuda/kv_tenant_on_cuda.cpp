// The tenant's tests on the cuda device: as operations come, and in drawn orders of all that no event orders.
#include "runtime/device/cuda_device.hpp"
#include "tests/cuda_on_cpu/control.hpp"
#include "tests/engine/kv_tenant_suite.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::engine_test {
namespace {

namespace vehicle = cuda_on_cpu;

std::unique_ptr<Device> make_on(bool strict, bool eager) {
  static Random seeds(testing::fresh_seed());
  vehicle::Machine machine = vehicle::machine();
  machine.strict = strict;
  machine.eager = eager;
  machine.seed = seeds.next();
  vehicle::set_machine(machine);
  return make_cuda_device({});
}

INSTANTIATE_TEST_SUITE_P(
    Cuda, KvTenantOn,
    ::testing::Values(testing::DeviceCase{"as_it_comes", [] { return make_on(false, false); }},
                      testing::DeviceCase{"eager", [] { return make_on(false, true); }},
                      testing::DeviceCase{"in_drawn_orders", [] { return make_on(true, false); }}),
    [](const auto& device) { return device.param.name; });

}  // namespace
}  // namespace prophet::engine_test
