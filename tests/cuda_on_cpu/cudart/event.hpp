#pragma once

#include <driver_types.h>

#include <memory>
#include <vector>

#include "tests/cuda_on_cpu/cudart/capture.hpp"
#include "tests/cuda_on_cpu/cudart/handle_table.hpp"
#include "tests/cuda_on_cpu/cudart/scheduler.hpp"

namespace prophet::cuda_on_cpu {

/// The latest record of an event: a place in a stream's order, or in a capture. Who waits takes the record as
/// it is then; a later record is another one.
struct Event {
  unsigned flags = 0;
  int device = 0;
  std::mutex mutex;
  Signal recorded;                   ///< null: never recorded
  std::shared_ptr<Capture> capture;  ///< the capture in which it was recorded last
  std::vector<NodePtr> captured;     ///< what the stream's next node would have come after
};

[[nodiscard]] HandleTable<cudaEvent_t, Event>& events();

}  // namespace prophet::cuda_on_cpu
