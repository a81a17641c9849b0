#include "bench/measure/measured_against.hpp"

namespace prophet::measure {

MeasuredAgainst choose_profile(const std::string& asked, const MeasuredGpu& gpu) {
  MeasuredAgainst against;
  const std::optional<std::string> own =
      asked.empty() ? profile_of_gpu(gpu.name, gpu.memory_bytes) : std::optional(asked);
  if (!own) return against;
  against.profile = load_gpu_profile(*own);
  against.rates = {against.profile->memory_bytes_per_s, against.profile->flops_per_s,
                   against.profile->vector_flops_per_s};
  return against;
}

}  // namespace prophet::measure
