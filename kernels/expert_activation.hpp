#pragma once

#include <cstdint>

namespace prophet::kernels {

/// What stands between the two products of an expert. g and u are the gate's and the up projection's value;
/// an ungated expert has one projection, whose value is g.
///
///   swiglu          g * sigmoid(g) * u                              (Shazeer 2020)
///   geglu_tanh      gelu_tanh(g) * u,  gelu_tanh(g) = g / 2 * (1 + tanh(sqrt(2 / pi) * (g + 0.044715 g^3)))
///   geglu_erf       gelu_erf(g) * u,   gelu_erf(g)  = g / 2 * (1 + erf(g / sqrt(2)))   (Hendrycks, Gimpel
///   2016) swiglu_clamped  g * sigmoid(1.702 g) * (u + 1) with g at most 7 and u within [-7, 7]    (OpenAI's
///   gpt-oss) gelu_tanh, gelu_erf, relu   of g alone
///
/// A NaN stays a NaN through every clamp.
enum class ExpertActivation : std::uint8_t {
  swiglu,
  geglu_tanh,
  geglu_erf,
  swiglu_clamped,
  gelu_tanh,
  gelu_erf,
  relu,
};

inline constexpr int expert_activation_count = 7;
inline constexpr float clamped_swiglu_alpha = 1.702F;
inline constexpr float clamped_swiglu_limit = 7.0F;
inline constexpr float gelu_tanh_cubic = 0.044715F;
inline constexpr float sqrt_2_over_pi = 0.7978845608028654F;
inline constexpr float sqrt_half = 0.7071067811865476F;

[[nodiscard]] constexpr bool is_known(ExpertActivation activation) noexcept {
  return static_cast<int>(activation) < expert_activation_count;
}

/// True when the expert has a gate and an up projection.
[[nodiscard]] constexpr bool is_gated(ExpertActivation activation) noexcept {
  return activation <= ExpertActivation::swiglu_clamped;
}

/// Static storage: "swiglu", "geglu_tanh", ...
[[nodiscard]] const char* activation_name(ExpertActivation activation) noexcept;

/// The formula above in fp32; `up` is ignored by the ungated ones.
[[nodiscard]] float activate(ExpertActivation activation, float gate, float up) noexcept;

}  // namespace prophet::kernels
