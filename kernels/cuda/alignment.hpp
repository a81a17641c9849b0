#pragma once

#include <cstdint>

namespace prophet::kernels::cuda {

/// Whether a pointer lies on a boundary of so many bytes; null lies on every one.
[[nodiscard]] inline bool is_on(const void* pointer, std::uintptr_t boundary_bytes) noexcept {
  return reinterpret_cast<std::uintptr_t>(pointer) % boundary_bytes == 0;
}

}  // namespace prophet::kernels::cuda
