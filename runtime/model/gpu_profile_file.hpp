#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "prophet/limits.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet {

/// One number of a profile's file: where it goes and which values make sense. The order is the file's.
struct ProfileField {
  std::string_view name;
  std::variant<double GpuProfile::*, std::uint64_t GpuProfile::*> member;
  double min;
  double max;
  bool may_be_absent = false;   ///< older files lack it; see gpu_profile.hpp
  bool may_be_unknown = false;  ///< absent it is 0, and 0 it is not written
};

inline constexpr std::array<ProfileField, 18> profile_fields{{
    {"memory_bytes", &GpuProfile::memory_bytes, 0x1p20, 0x1p50},
    {"memory_bytes_per_s", &GpuProfile::memory_bytes_per_s, 1e6, 1e15},
    {"flops_per_s", &GpuProfile::flops_per_s, 1e6, 1e18},
    {"vector_flops_per_s", &GpuProfile::vector_flops_per_s, 1e4, 1e18, true},
    {"link_bytes_per_s", &GpuProfile::link_bytes_per_s, 1e6, 1e14},
    {"link_down_bytes_per_s", &GpuProfile::link_down_bytes_per_s, 1e6, 1e14},
    {"copy_latency_ns", &GpuProfile::copy_latency_ns, 0, limits::profile_latency_ns_max},
    {"launch_latency_ns", &GpuProfile::launch_latency_ns, 0, limits::profile_latency_ns_max},
    {"event_latency_ns", &GpuProfile::event_latency_ns, 0, limits::profile_latency_ns_max},
    {"host_submit_ns", &GpuProfile::host_submit_ns, 0, limits::profile_latency_ns_max},
    {"host_wake_ns", &GpuProfile::host_wake_ns, 0, limits::profile_latency_ns_max},
    {"copy_rate_while_computing", &GpuProfile::copy_rate_while_computing, 0.01, 1},
    {"compute_rate_while_copying", &GpuProfile::compute_rate_while_copying, 0.01, 1},
    {"host_memory_bytes_per_s", &GpuProfile::host_memory_bytes_per_s, 1e6, 1e14, true},
    {"host_cores", &GpuProfile::host_cores, 1, limits::host_cores_max, true},
    {"host_flops_per_s", &GpuProfile::host_flops_per_s, 1e4, 1e18, true},
    {"zero_copy_bytes_per_s", &GpuProfile::zero_copy_bytes_per_s, 1e5, 1e14, true},
    {"peer_bytes_per_s", &GpuProfile::peer_bytes_per_s, 1e6, 1e15, true, true},
}};

/// The number of `field` in `profile`.
[[nodiscard]] double profile_value(const GpuProfile& profile, const ProfileField& field);

struct ParsedProfile {
  GpuProfile profile;
  std::vector<ProfileFigure> figures;
};

[[nodiscard]] ParsedProfile parse_profile_text(std::string_view json_text, std::string_view where);

}  // namespace prophet
