#pragma once

#include <cuda.h>

namespace prophet::cuda_on_cpu {

/// Such as "CUDA_ERROR_OUT_OF_MEMORY"; null for a number that is no error.
[[nodiscard]] const char* driver_error_name(CUresult error);

}  // namespace prophet::cuda_on_cpu
