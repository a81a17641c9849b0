#include "bench/measure/measurements.hpp"

namespace prophet::measure {

const char* direction_name(Direction direction) noexcept {
  return direction == Direction::to_device ? "host to device" : "device to host";
}

const char* copy_way_name(CopyWay way) noexcept {
  switch (way) {
    case CopyWay::pinned:
      return "pinned";
    case CopyWay::pageable:
      return "pageable";
    case CopyWay::plain:
      return "plain";
    case CopyWay::batch:
      return "batch";
    case CopyWay::zero_copy:
      return "zero-copy";
  }
  return "unknown";
}

const char* boundary_way_name(BoundaryWay way) noexcept {
  switch (way) {
    case BoundaryWay::retyped:
      return "re-typed";
    case BoundaryWay::ordered:
      return "with events";
    case BoundaryWay::compacted:
      return "live pages";
    case BoundaryWay::virtual_memory:
      return "virtual memory";
  }
  return "unknown";
}

}  // namespace prophet::measure
