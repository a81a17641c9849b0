#pragma once

#include <cstdint>

#include "runtime/device/device.hpp"
#include "runtime/engine/host_experts.hpp"
#include "runtime/engine/miss_ways.hpp"

namespace prophet {

/// Measures on the device itself, in its own time, what the ways of a miss cost: the first expert of `store`
/// is copied into `slab`, computed there, in place and on the host, with one row and with as many as
/// `experts` takes, and copied while the host computes, all cores at one expert as in a step. Of several
/// tries the shortest counts. Waits for the device; the slab holds that expert afterwards, and what the
/// model's and `experts`' activations held is lost.
[[nodiscard]] MissCosts measure_miss_costs(Device& device, const HostStore& store, const StepModel& model,
                                           const HostExperts& experts, BufferView slab);

}  // namespace prophet
