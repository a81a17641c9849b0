#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace prophet {

/// What becomes of an expert that a decode step wants and that is not on the device.
enum class MissWay : std::uint8_t {
  copy,      ///< its weights travel into a slab, and it stays as long as the policy keeps it
  host,      ///< the host's cores compute it from the pinned weights: activations travel
  in_place,  ///< the accelerator computes it and reads the pinned weights over the link, once
};

/// Which of the ways a run takes. Prefill passes copy, whatever it is.
enum class MissMode : std::uint8_t { copy, host, in_place, automatic };

/// "copy", "host", "in-place", "auto".
[[nodiscard]] std::string_view miss_mode_name(MissMode mode) noexcept;
[[nodiscard]] std::vector<std::string> miss_mode_names();
/// Throws Error{usage} for an unknown name, listing the known.
[[nodiscard]] MissMode parse_miss_mode(std::string_view name);

}  // namespace prophet
