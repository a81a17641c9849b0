#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/model/decoder_config.hpp"
#include "runtime/model/json_fields.hpp"

/// Fields of a config.json that only running the model needs. Each throws Error{bad_input}.
namespace prophet::hf {

/// The base of the rotary embedding: of rope_parameters (transformers 5) or rope_scaling (before), else
/// rope_theta, else `fallback`. Any scaling and a part of the head only are refused.
[[nodiscard]] double read_rope_theta(const JsonFields& config, double fallback);

/// Of each layer the tokens that its attention sees, 0 for all. Where transformers' versions differ on which
/// layers have windows (Qwen without layer_types), or have none where the field says some (OLMoE, Qwen3-MoE
/// with layer_types), they are refused.
[[nodiscard]] std::vector<std::uint32_t> decoder_windows(const JsonFields& config, DecoderFamily family,
                                                         const Architecture& a);

/// A number, a list of numbers, or absent.
[[nodiscard]] std::vector<std::uint32_t> read_ids(const JsonFields& config, std::string_view field,
                                                  std::uint32_t max);

}  // namespace prophet::hf
