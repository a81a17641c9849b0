#include "runtime/device/cuda/gpu_rates.hpp"

namespace prophet::cuda {
namespace {

/// Of one multiprocessor in one clock; a multiply-add counts as two.
struct Operations {
  double vector = 0;
  double matrix = 0;
};

Operations operations_per_clock(int major, int minor) noexcept {
  constexpr double cores_64 = 2.0 * 64;
  constexpr double cores_128 = 2.0 * 128;
  if (major == 7) return {cores_64, 1024};
  if (major == 8) return minor == 0 ? Operations{cores_64, 2048} : Operations{cores_128, 512};
  if (major == 9) return {cores_128, 4096};
  if (major == 10) return {cores_128, 8192};
  return {cores_128, 512};  // 12.x; and of one that is not known yet, the least
}

}  // namespace

kernels::ExpertRates peak_rates(const GpuFigures& figures) noexcept {
  const Operations operations = operations_per_clock(figures.major, figures.minor);
  const double clocks_per_s = 1e3 * figures.clock_khz * figures.multiprocessors;
  kernels::ExpertRates rates;
  rates.memory_bytes_per_s = 2.0 * 1e3 * figures.memory_clock_khz * figures.memory_bus_bits / 8;
  rates.matrix_flops_per_s = operations.matrix * clocks_per_s;
  rates.vector_flops_per_s = operations.vector * clocks_per_s;
  return rates;
}

std::uint32_t crossover_rows_of(const GpuFigures& figures) noexcept {
  const kernels::ExpertRates rates = peak_rates(figures);
  const bool all_known =
      rates.memory_bytes_per_s > 0 && rates.matrix_flops_per_s > 0 && rates.vector_flops_per_s > 0;
  if (!all_known) return kernels::few_token_rows + 1;
  return kernels::expert_ffn_crossover_rows(kernels::ExpertFormat::fp32, rates);
}

std::uint64_t blas_workspace_bytes(const GpuFigures& figures) noexcept {
  constexpr int hopper = 9;
  return figures.major >= hopper ? 32ULL << 20 : 4ULL << 20;
}

}  // namespace prophet::cuda
