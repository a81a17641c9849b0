#pragma once

#include <cstdint>
#include <optional>

#include "bench/analytic/study/study_catalogue.hpp"

namespace prophet::analytic {

/// Prophet's overhead as the study subtracts it, in its GB: 7.2 MB, document 001, methodology.
inline constexpr double study_overhead_gb = 0.0072;
/// MB in one of the GB that the study counts experts in.
inline constexpr double study_mb_per_gb = 1024;
/// Bytes in one of the GB that it spends on KV.
inline constexpr double study_bytes_per_gb = 1e9;

/// One cell as the study computed it, by the rules that its own printed numbers imply. They mix units:
/// experts are summed in MB / 1024 and then spent as GB of 10^9 bytes, K and V are of as many heads as
/// queries, and where the baseline does not fit the extension is 0. For what the numbers should be, see
/// memory_parts.hpp. A field is none where an input is unknown and the rest does not decide it.
struct StudyReading {
  std::optional<double> expert_buffer_gb;   ///< layers * E * MB / 1024
  std::optional<double> prophet_expert_gb;  ///< that * U / E
  std::optional<double>
      kv_step_bytes;  ///< one more token of each of B sequences: 2 * layers * hidden * 2 * B
  std::optional<double> baseline_tokens;  ///< (GPU - buffer - F0 - a * B) * 1e9 / kv_step; 0 when negative
  std::optional<double> prophet_tokens;   ///< likewise with prophet_expert_gb and the overhead
  std::optional<double>
      extra_tokens;  ///< (buffer * savings - overhead) * 1e9 / kv_step, also where neither fits
  std::optional<double> extension;  ///< prophet / baseline, 0 where the baseline does not fit
};

/// REQUIRES: batch >= 1. `gpu_gb` is the number in the GPU's name.
[[nodiscard]] StudyReading as_study_computed(const StudyModel& model, double gpu_gb, std::uint32_t batch);

}  // namespace prophet::analytic
