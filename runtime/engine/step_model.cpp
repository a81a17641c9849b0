#include "runtime/engine/step_model.hpp"

namespace prophet {

std::unique_ptr<CapturedSteps> StepModel::captured_steps(Device&, const HostStore&, const SlabMemory&,
                                                         std::uint32_t, bool) {
  return nullptr;
}

}  // namespace prophet
