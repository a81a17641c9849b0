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

/// A discrete-event model of one compute queue, one copy engine a direction and the host's cores as one more
/// queue, in virtual time; sim/shared_rates.hpp says what they take from each other. The host's own thread is
/// part of it: each submission costs it profile.host_submit_ns, and waking from a wait costs host_wake_ns.
/// What a profile does not state of its host is what with_host_figures says. Deterministic: the same calls
/// give the same times. Memory costs nothing, but its capacity is enforced.
[[nodiscard]] std::unique_ptr<Device> make_sim_device(const GpuProfile& profile, const SimOptions& options);

}  // namespace prophet
