#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/ptx/decoder.hpp"

/// Accesses of one lane to the memory that an address space or a generic address means.
namespace prophet::ptx {

/// Takes the suffix that names a space; generic if there is none.
[[nodiscard]] Space take_space(Decoder& decoder);
/// Takes what says how strong or how cached an access is: here all accesses happen at once, in program order.
void take_strength(Decoder& decoder);

/// False when the value is that of shared memory which nobody wrote.
bool read_bytes(Warp& warp, unsigned lane, Space space, std::uint64_t address, void* to, std::size_t bytes);
void write_bytes(Warp& warp, unsigned lane, Space space, std::uint64_t address, const void* from,
                 std::size_t bytes);

/// Where in shared memory a generic or shared address lies; Error when it lies elsewhere.
[[nodiscard]] std::uint64_t shared_offset(Space space, std::uint64_t address);

}  // namespace prophet::ptx
