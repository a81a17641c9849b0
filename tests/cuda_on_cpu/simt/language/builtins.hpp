#pragma once

#include <vector_types.h>

// The variables that every CUDA thread finds. The executor sets threadIdx whenever another thread runs.
extern __thread uint3 threadIdx;
extern __thread uint3 blockIdx;
extern __thread dim3 blockDim;
extern __thread dim3 gridDim;
inline constexpr int warpSize = 32;
