#include "runtime/engine/measure_link.hpp"

#include <algorithm>
#include <array>

#include "runtime/device/handles.hpp"

namespace prophet {

double measure_link_bytes_per_s(Device& device, std::uint64_t copy_bytes) {
  const Buffer source(device, MemoryKind::host_pinned, copy_bytes);
  const Buffer destination(device, MemoryKind::device, copy_bytes);
  const Stream stream(device, StreamRole::demand_copy);
  std::array<double, 5> rates{};
  for (double& rate : rates) {
    const std::uint64_t begin_ns = device.now_ns();
    device.copy(stream.id(), destination.view().slice(0, copy_bytes), source.view().slice(0, copy_bytes), 0);
    device.synchronize();
    const std::uint64_t took_ns = std::max<std::uint64_t>(1, device.now_ns() - begin_ns);
    rate = static_cast<double>(copy_bytes) / static_cast<double>(took_ns) * 1e9;
  }
  std::nth_element(rates.begin(), rates.begin() + rates.size() / 2, rates.end());
  return rates[rates.size() / 2];
}

}  // namespace prophet
