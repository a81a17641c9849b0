#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace prophet::kernels {

/// 64-bit checksum of a slab's bytes: XXH3-64 with seed 0 (libxxhash). Not cryptographic.
[[nodiscard]] std::uint64_t checksum(std::span<const std::byte> bytes) noexcept;

}  // namespace prophet::kernels
