#pragma once

#include <filesystem>

#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Writes the expert ids alone as `[tokens, layers, top_k]`, u1 up to 256 experts, else u2. The format has no
/// place for sequences, weights or provenance, so a synthetic trace is refused: its mark would be lost.
void export_npy(const RoutingTrace& trace, const std::filesystem::path& path);

/// Writes the whole trace, provenance included, as the arrays that import_npz reads, deflated. Importing it
/// gives an equal trace. Throws Error{bad_input} when the file cannot be written; nothing is left behind
/// then.
void export_npz(const RoutingTrace& trace, const std::filesystem::path& path);

}  // namespace prophet
