#pragma once

#include <cstdint>

/// Bounds on the numbers of a model's architecture, beside those of prophet/limits.hpp. The widest models
/// known stay below a hundredth of each.
namespace prophet::limits {

inline constexpr std::uint32_t hidden_size_max = 1U << 18;
inline constexpr std::uint32_t ffn_width_max = 1U << 22;
inline constexpr std::uint32_t heads_max = 1U << 12;
inline constexpr std::uint32_t head_dim_max = 1U << 13;
inline constexpr std::uint32_t lora_rank_max = 1U << 16;
inline constexpr std::uint32_t vocab_size_max = 1U << 24;
inline constexpr std::uint32_t context_tokens_max = 1U << 28;
inline constexpr std::uint32_t json_depth_max = 64;
/// Bounds what the parsed form of a text within config_json_bytes_max can cost.
inline constexpr std::uint32_t json_values_max = 1U << 17;

}  // namespace prophet::limits
