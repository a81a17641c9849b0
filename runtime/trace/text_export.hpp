#pragma once

#include <filesystem>

#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Writes the text that csv_import.hpp describes, provenance and sequences included. Importing it gives an
/// equal trace. Throws Error{bad_input} when the file cannot be written or a weight is not finite; nothing is
/// left behind then.
void export_csv(const RoutingTrace& trace, const std::filesystem::path& path);

/// Writes the text that jsonl_import.hpp describes, one object a token; otherwise as export_csv.
void export_jsonl(const RoutingTrace& trace, const std::filesystem::path& path);

}  // namespace prophet
