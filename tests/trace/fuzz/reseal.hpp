#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "runtime/trace/frames.hpp"
#include "runtime/trace/little_endian.hpp"

namespace prophet::testing {

/// Makes the checksums of a run of frames right again, as far as its sizes can be followed, so that a fuzzer
/// gets behind them without a hook in the reader.
inline void reseal_frames(std::span<std::byte> frames) {
  for (std::uint64_t index = 0; frames.size() >= frame_header_bytes; ++index) {
    const auto stored = get_le<std::uint32_t>(frames, 0);
    if (stored > frames.size() - frame_header_bytes) return;
    const auto crc = frame_crc64(index, frames.subspan(frame_header_bytes, stored));
    std::memcpy(frames.data() + 4, &crc, sizeof crc);
    frames = frames.subspan(frame_header_bytes + stored);
  }
}

inline void put_at(std::vector<std::byte>& bytes, std::size_t at, std::uint64_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

}  // namespace prophet::testing
