#pragma once

#include <cstdint>

#include "prophet/ids.hpp"

namespace prophet {

using BufferId = Id<struct BufferTag>;

/// A piece of a buffer. Owns nothing; valid while the buffer is allocated.
struct BufferView {
  BufferId buffer;
  std::uint64_t offset_bytes = 0;
  std::uint64_t size_bytes = 0;

  [[nodiscard]] constexpr BufferView slice(std::uint64_t offset, std::uint64_t size) const noexcept {
    return {buffer, offset_bytes + offset, size};
  }
  friend constexpr bool operator==(const BufferView&, const BufferView&) = default;
};

}  // namespace prophet
