#pragma once

#include <cuda.h>

#include <utility>

#include "tests/cuda_on_cpu/cudart/calls.hpp"

namespace prophet::cuda_on_cpu {

/// Errors that both know have one number. The body returns a cudaError_t. A driver call's error is not what
/// cudaGetLastError tells.
template <class Body>
CUresult driver_call(const char* function, Body&& body) {
  const cudaError_t refusal = begin_call(function);
  return static_cast<CUresult>(refusal != cudaSuccess ? refusal : std::forward<Body>(body)());
}

/// As releasing_call: what it names is released even when the call returns an error.
template <class Body>
CUresult releasing_driver_call(const char* function, Body&& body) {
  const cudaError_t refusal = begin_call(function);
  const cudaError_t own = std::forward<Body>(body)();
  return static_cast<CUresult>(refusal != cudaSuccess ? refusal : own);
}

}  // namespace prophet::cuda_on_cpu
