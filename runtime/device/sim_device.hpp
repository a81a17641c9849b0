#pragma once

#include <cstdint>
#include <memory>

#include "runtime/device/device.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet {

struct SimOptions {
  double jitter_fraction = 0;
  std::uint64_t seed = 0;
  bool check_happens_before = true;
};

/// A discrete-event model of one compute queue and one copy engine a direction, in virtual time. The host is
/// part of it: each submission costs it profile.host_submit_ns, and waking from a wait costs host_wake_ns.
/// Deterministic: the same calls give the same times. Memory costs nothing, but its capacity is enforced.
[[nodiscard]] std::unique_ptr<Device> make_sim_device(const GpuProfile& profile, const SimOptions& options);

}  // namespace prophet
