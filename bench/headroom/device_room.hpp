#pragma once

#include <memory>
#include <string>

#include "bench/analytic/headroom_question.hpp"
#include "runtime/device/device.hpp"

namespace prophet {

/// Opens a device with at most `memory_bytes` of memory, 0: what it has. Throws Error{usage} when it has not
/// so much, and what make_device throws.
[[nodiscard]] std::unique_ptr<Device> open_with_budget(const std::string& name, std::uint64_t memory_bytes);

/// What the device has, before anything is on it. Of a cuda device the driver says what is taken already, and
/// one allocation, which is given back, shows to what it rounds; others have no context and round nothing.
[[nodiscard]] DeviceRoom room_of(Device& device);

/// What the driver says is taken at the moment, by whomever; 0 where there is no driver to ask.
[[nodiscard]] std::uint64_t taken_bytes(Device& device);

}  // namespace prophet
