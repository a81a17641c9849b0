#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "runtime/trace/routing_trace.hpp"

namespace prophet {

enum class TraceFormat { ptrace, mrt1, npy, npz, csv, jsonl };

/// Tells a format by the first bytes (12 are enough), and by the name's ending (.csv, .jsonl, .ndjson) only
/// for text. An .xz file is taken for MRT1. Throws Error{bad_input} that lists the formats when it is none of
/// them.
[[nodiscard]] TraceFormat detect_trace_format(std::span<const std::byte> first_bytes, std::string_view name);

/// Reads a routing trace of any supported format into memory: Prophet's own, MRT1 (plain or .xz), .npy, .npz,
/// .csv, .jsonl. Throws Error{bad_input} with a sentence that names the file, the offset, line or field, its
/// value and what was expected. Needs at most twice the decompressed size that the header claims, plus 64
/// MiB.
[[nodiscard]] RoutingTrace load_trace(const std::filesystem::path& path);

/// The same on bytes in memory; `name` stands for the file in error sentences and in the choice of text
/// formats.
[[nodiscard]] RoutingTrace load_trace_from_memory(std::span<const std::byte> bytes, std::string_view name);

}  // namespace prophet
