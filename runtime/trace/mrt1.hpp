#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "runtime/trace/byte_stream.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Imports MRT1, plain or packed with xz (told by the first bytes). docs/trace-format.md has the layout. The
/// format says nothing about its origin: model and licence read "unknown", source is the file's name. Memory
/// stays below twice the unpacked size that the header claims, plus the xz dictionary. Throws
/// Error{bad_input} with the file, the offset or field, its value and what was expected.
[[nodiscard]] RoutingTrace import_mrt1(const std::filesystem::path& path);

/// The same on bytes in memory; `name` stands for the file in error sentences.
[[nodiscard]] RoutingTrace parse_mrt1(std::span<const std::byte> bytes, std::string_view name);

/// The same on a stream that has not been read yet.
[[nodiscard]] RoutingTrace read_mrt1(ByteStream& stream);

/// Writes MRT1, packed with xz when the path ends in .xz. Throws Error{bad_input}, and writes nothing, when
/// the trace does not fit: more than 256 experts, more than 2^32 - 1 tokens, weights that bf16 cannot hold
/// exactly; or when it is synthetic, because the format has no place for that mark.
void export_mrt1(const RoutingTrace& trace, const std::filesystem::path& path);

}  // namespace prophet
