#include "runtime/device/device.hpp"

#include "runtime/device/resident_step.hpp"

namespace prophet {

std::unique_ptr<ResidentStep> Device::make_resident_step(const ResidentStepPlan&) {
  return nullptr;
}

void Device::host_computed(const HostWork&) {}

}  // namespace prophet
