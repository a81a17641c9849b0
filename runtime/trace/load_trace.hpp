#pragma once

#include <filesystem>

#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Reads a routing trace of any supported format into memory; the format is told by the file's first bytes,
/// and by its ending only for text: Prophet's own, MRT1 (plain or .xz), .npy, .npz, .csv, .jsonl.
/// Throws Error{bad_input} with a sentence that names the file, the offset, line or field, its value and what
/// was expected. Needs at most twice the decompressed size that the header claims, plus 64 MiB.
[[nodiscard]] RoutingTrace load_trace(const std::filesystem::path& path);

}  // namespace prophet
