#pragma once

#include "runtime/device/device.hpp"

namespace prophet {

/// Host-to-device bandwidth in bytes per second: the median of several large pinned copies through the seam,
/// on the device's own clock. Allocates 2 * `copy_bytes` for the time of the call.
[[nodiscard]] double measure_link_bytes_per_s(Device& device, std::uint64_t copy_bytes);

}  // namespace prophet
