#pragma once

#include <cstdint>

/// Every bound on input, in one place. A value beyond its bound is refused with one sentence that names it.
namespace prophet::limits {

inline constexpr std::uint32_t layers_max = 1024;
inline constexpr std::uint32_t experts_per_layer_max = 4096;
inline constexpr std::uint32_t top_k_max = 64;
inline constexpr std::uint32_t lanes_max = 1024;
inline constexpr std::uint32_t sequences_max = 1U << 24;
inline constexpr std::uint64_t trace_tokens_max = 1ULL << 32;
inline constexpr std::uint64_t trace_decompressed_bytes_max = 16ULL << 30;
inline constexpr std::uint64_t text_line_bytes_max = 1ULL << 20;
inline constexpr std::uint64_t header_json_bytes_max = 1ULL << 20;
inline constexpr std::uint64_t config_json_bytes_max = 16ULL << 20;
inline constexpr std::uint32_t slabs_max = 1U << 24;
inline constexpr std::uint64_t expert_bytes_max = 16ULL << 30;
inline constexpr std::uint32_t lookahead_max = 64;
inline constexpr std::uint32_t streams_max = 8;

}  // namespace prophet::limits
