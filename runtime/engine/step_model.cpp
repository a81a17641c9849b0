#include "runtime/engine/step_model.hpp"

namespace prophet {

LogitsAhead StepModel::logits_ahead(LayerId, std::uint32_t) {
  return {};
}

void StepModel::launch_beside(LayerId, std::uint32_t, StreamId) {}

std::unique_ptr<CapturedSteps> StepModel::captured_steps(Device&, const HostStore&, const SlabMemory&,
                                                         std::uint32_t, bool) {
  return nullptr;
}

}  // namespace prophet
