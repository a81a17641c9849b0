#pragma once

#include <cuda_runtime.h>

#include "kernels/expert_activation.hpp"

namespace prophet::kernels::cuda {

__device__ inline float gelu_tanh(float x) {
  const float curve = fmaf(gelu_tanh_cubic * x * x, x, x);
  return 0.5F * x * (1.0F + tanhf(sqrt_2_over_pi * curve));
}

__device__ inline float gelu_erf(float x) {
  return 0.5F * x * (1.0F + erff(x * sqrt_half));
}

/// At most `limit`; NaN stays NaN, which fminf() would hide.
__device__ inline float at_most(float x, float limit) {
  return x > limit ? limit : x;
}

__device__ inline float swiglu_clamped(float gate, float up) {
  const float g = at_most(gate, clamped_swiglu_limit);
  const float u = -at_most(-at_most(up, clamped_swiglu_limit), clamped_swiglu_limit);
  return g / (1.0F + expf(-clamped_swiglu_alpha * g)) * (u + 1.0F);
}

/// kernels::activate on the device.
__device__ inline float activate_value(ExpertActivation activation, float gate, float up) {
  switch (activation) {
    case ExpertActivation::swiglu:
      return gate / (1.0F + expf(-gate)) * up;
    case ExpertActivation::geglu_tanh:
      return gelu_tanh(gate) * up;
    case ExpertActivation::geglu_erf:
      return gelu_erf(gate) * up;
    case ExpertActivation::swiglu_clamped:
      return swiglu_clamped(gate, up);
    case ExpertActivation::gelu_tanh:
      return gelu_tanh(gate);
    case ExpertActivation::gelu_erf:
      return gelu_erf(gate);
    case ExpertActivation::relu:
      return gate < 0.0F ? 0.0F : gate;
  }
  return gate;
}

}  // namespace prophet::kernels::cuda
