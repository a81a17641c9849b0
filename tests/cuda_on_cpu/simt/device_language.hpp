#pragma once

/// CUDA C++ for a host compiler: included before everything else in each .cu file that the test vehicle
/// builds. Of the language it lacks `kernel<<<...>>>` and `extern __shared__`, which kernels/cuda/launch.cuh
/// stands in for, inline PTX, cooperative groups, and cuda::barrier and cuda::pipeline; see ../README.md.
#include "tests/cuda_on_cpu/simt/language/qualifiers.hpp"

#include <cuda_runtime.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include "tests/cuda_on_cpu/simt/language/atomics.hpp"
#include "tests/cuda_on_cpu/simt/language/bits.hpp"
#include "tests/cuda_on_cpu/simt/language/builtins.hpp"
#include "tests/cuda_on_cpu/simt/language/half.hpp"
#include "tests/cuda_on_cpu/simt/language/math.hpp"
#include "tests/cuda_on_cpu/simt/language/memory.hpp"
#include "tests/cuda_on_cpu/simt/language/pipeline.hpp"
#include "tests/cuda_on_cpu/simt/language/warp_primitives.hpp"
#include "tests/cuda_on_cpu/simt/launch.hpp"
