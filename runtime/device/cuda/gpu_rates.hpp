#pragma once

#include <cstdint>

#include "kernels/expert_crossover.hpp"

namespace prophet::cuda {

/// What CUDA says of a GPU's clocks and widths (cudaDeviceGetAttribute). 0: it does not say.
struct GpuFigures {
  int major = 0;  ///< compute capability
  int minor = 0;
  int multiprocessors = 0;
  int clock_khz = 0;         ///< the highest of the multiprocessors
  int memory_clock_khz = 0;  ///< data go at both of its edges
  int memory_bus_bits = 0;
};

/// Peaks that follow from them: what no kernel quite reaches, but all three are too high by alike, and the
/// crossover follows from their ratios. Operations a clock and multiprocessor are those of CUDA C++
/// Programming Guide 13.0, "Throughput of Native Arithmetic Instructions" (fp32), and of the data sheets of
/// the generations (dense 16-bit products). A rate that cannot be told is 0.
[[nodiscard]] kernels::ExpertRates peak_rates(const GpuFigures& figures) noexcept;

/// The smallest number of rows of one fp32 expert from which products of cuBLAS are the faster way by those
/// peaks. Where a rate is not known it is the first number that needs a second pass over the weights.
[[nodiscard]] std::uint32_t crossover_rows_of(const GpuFigures& figures) noexcept;

/// The workspace that cuBLAS asks for: cuBLAS 13.0, cublasSetWorkspace().
[[nodiscard]] std::uint64_t blas_workspace_bytes(const GpuFigures& figures) noexcept;

}  // namespace prophet::cuda
