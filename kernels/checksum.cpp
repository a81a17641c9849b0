#include "kernels/checksum.hpp"

#include <xxhash.h>

namespace prophet::kernels {

std::uint64_t checksum(std::span<const std::byte> bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace prophet::kernels
