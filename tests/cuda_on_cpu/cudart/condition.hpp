#pragma once

#include <driver_types.h>

namespace prophet::cuda_on_cpu {

/// The values of conditional handles: kernels set them (cudaGraphSetConditional), conditional nodes read
/// them.
[[nodiscard]] cudaGraphConditionalHandle new_condition(unsigned value);
[[nodiscard]] unsigned condition(cudaGraphConditionalHandle handle);
void set_condition(cudaGraphConditionalHandle handle, unsigned value);

}  // namespace prophet::cuda_on_cpu
