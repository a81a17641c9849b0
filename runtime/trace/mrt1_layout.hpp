#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

/// The fixed numbers of the MRT1 format; docs/trace-format.md has the layout.
namespace prophet::mrt1 {

inline constexpr std::array<char, 4> magic = {'M', 'R', 'T', '1'};
inline constexpr std::array<unsigned char, 6> xz_magic = {0xfd, '7', 'z', 'X', 'Z', 0x00};
inline constexpr std::uint32_t version = 1;
inline constexpr std::uint64_t header_bytes = 48;
inline constexpr std::uint64_t sequence_bytes = 16;
inline constexpr std::uint32_t flag_weights = 1;
inline constexpr std::uint32_t experts_max = 256;

}  // namespace prophet::mrt1
