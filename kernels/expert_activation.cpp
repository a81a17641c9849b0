#include "kernels/expert_activation.hpp"

#include <array>
#include <cmath>

namespace prophet::kernels {
namespace {

constexpr std::array<const char*, expert_activation_count> names{
    "swiglu", "geglu_tanh", "geglu_erf", "swiglu_clamped", "gelu_tanh", "gelu_erf", "relu"};

float gelu_tanh(float x) {
  const float curve = std::fma(gelu_tanh_cubic * x * x, x, x);
  return 0.5F * x * (1.0F + std::tanh(sqrt_2_over_pi * curve));
}

float gelu_erf(float x) {
  return 0.5F * x * (1.0F + std::erf(x * sqrt_half));
}

float swiglu_clamped(float gate, float up) {
  const float g = gate > clamped_swiglu_limit ? clamped_swiglu_limit : gate;
  const float below = up > clamped_swiglu_limit ? clamped_swiglu_limit : up;
  const float u = below < -clamped_swiglu_limit ? -clamped_swiglu_limit : below;
  return g / (1.0F + std::exp(-clamped_swiglu_alpha * g)) * (u + 1.0F);
}

}  // namespace

const char* activation_name(ExpertActivation activation) noexcept {
  const auto index = static_cast<std::size_t>(activation);
  return index < names.size() ? names[index] : "?";
}

float activate(ExpertActivation activation, float gate, float up) noexcept {
  switch (activation) {
    case ExpertActivation::swiglu:
      return gate / (1.0F + std::exp(-gate)) * up;
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

}  // namespace prophet::kernels
