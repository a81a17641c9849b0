#include "runtime/engine/step_model.hpp"

namespace prophet {

void StepModel::launch_beside(LayerId, std::uint32_t, StreamId) {}

std::unique_ptr<CapturedSteps> StepModel::captured_steps(Device&, const HostStore&, const SlabMemory&,
                                                         std::uint32_t, bool) {
  return nullptr;
}

}  // namespace prophet
