#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernels/expert_crossover.hpp"

namespace prophet::measure {

/// The units that a kernel's operations run on, if they can bound it.
enum class OperationsOn : std::uint8_t {
  no_bound,  ///< the kernel moves bytes; its operations are stated and never the bound
  vector,    ///< fp32 outside of matrix units
  matrix,    ///< dense 16-bit products
};

/// What a kernel moves and does in one call.
struct Work {
  double bytes = 0;  ///< from and to memory
  double operations = 0;
  OperationsOn units = OperationsOn::no_bound;
};

/// The least time that the rates allow: the larger of bytes / memory and operations / their units' rate.
/// Latency is not in it. None where a rate that it needs is not known (not positive).
[[nodiscard]] std::optional<double> bound_ns(const Work& work, const kernels::ExpertRates& rates);

/// The shipped profile that describes a GPU of this name, such as "NVIDIA A100-SXM4-80GB": none for other
/// GPUs and for variants of other memory or link (PCIe, NVL, GH200), whose rates the profiles do not state.
[[nodiscard]] std::optional<std::string> profile_of_gpu(const std::string& name, std::uint64_t memory_bytes);

}  // namespace prophet::measure
