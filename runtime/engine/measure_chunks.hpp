#pragma once

#include <cstdint>

#include "runtime/device/device.hpp"

namespace prophet {

/// What one chunk of a prefetch costs where the link has nothing else to do. Zeros: it is not known.
struct ChunkCost {
  double period_ns = 0;  ///< from one chunk's end to the next one's: the link's time, or the host's if longer
  double host_ns = 0;    ///< the host sees that it is done and hands over another
};

/// The medians of several runs of so many chunks, kept `in_flight` at once as TransferQueue keeps them, on
/// the device's own clock. Allocates 2 * `chunk_bytes` for the time of the call.
[[nodiscard]] ChunkCost measure_chunk_cost(Device& device, std::uint64_t chunk_bytes,
                                           std::uint32_t in_flight);

}  // namespace prophet
