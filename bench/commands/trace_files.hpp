#pragma once

#include <filesystem>

#include "runtime/trace/import_options.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Loads a file of any format and lets `options` complete what the file says. Throws Error{usage} when an
/// option does not apply to the file's format, Error{bad_input} as load_trace does.
[[nodiscard]] RoutingTrace load_trace_with(const std::filesystem::path& path, const ImportOptions& options);

/// Throws Error{usage} unless `path` ends in a format that write_trace_as can write and, without `force`, is
/// free.
void check_output(const std::filesystem::path& path, bool force);

/// Writes a trace in the format that the path's ending names, and warns of what that format cannot hold.
/// Throws as the exporters do; nothing is left behind then.
void write_trace_as(const RoutingTrace& trace, const std::filesystem::path& path);

/// The same trace without its routers' weights.
[[nodiscard]] RoutingTrace without_weights(const RoutingTrace& trace);

/// Sequences `first` to `last` - 1 as a trace of their own; the note says so. Throws Error{usage} when there
/// are no such sequences.
[[nodiscard]] RoutingTrace slice_sequences(const RoutingTrace& trace, std::uint64_t first,
                                           std::uint64_t last);

}  // namespace prophet
