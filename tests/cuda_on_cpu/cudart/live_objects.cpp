#include <string>

#include "tests/cuda_on_cpu/control.hpp"
#include "tests/cuda_on_cpu/cublas/handle.hpp"
#include "tests/cuda_on_cpu/cudart/event.hpp"
#include "tests/cuda_on_cpu/cudart/graph.hpp"
#include "tests/cuda_on_cpu/cudart/memory.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"
#include "tests/cuda_on_cpu/driver/virtual_memory.hpp"

namespace prophet::cuda_on_cpu {

LiveObjects live_objects() {
  const Memory::Live memory = Memory::instance().live();
  LiveObjects live;
  live.device_buffers = memory.device_buffers;
  live.device_bytes = memory.device_bytes;
  live.pinned_buffers = memory.pinned_buffers;
  live.streams = streams().size();
  live.events = events().size();
  live.graphs = graphs().size();
  live.graph_execs = graph_execs().size();
  const VirtualMemory::Live virtual_memory = VirtualMemory::instance().live();
  live.cublas_handles = cublas_handles().size();
  live.vmm_handles = virtual_memory.handles;
  live.vmm_mappings = virtual_memory.mappings;
  live.vmm_reservations = virtual_memory.reservations;
  return live;
}

std::string to_string(const LiveObjects& live) {
  std::string text;
  const auto add = [&](std::size_t number, const char* name) {
    if (number == 0) return;
    if (!text.empty()) text += ", ";
    text += std::to_string(number);
    text += name;
    if (number != 1) text += "s";
  };
  add(live.device_buffers, " device buffer");
  add(live.pinned_buffers, " pinned buffer");
  add(live.streams, " stream");
  add(live.events, " event");
  add(live.graphs, " graph");
  add(live.graph_execs, " graph exec");
  add(live.vmm_handles, " memory handle");
  add(live.vmm_mappings, " mapping");
  add(live.vmm_reservations, " address reservation");
  add(live.cublas_handles, " cuBLAS handle");
  return text;
}

}  // namespace prophet::cuda_on_cpu
