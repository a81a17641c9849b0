#pragma once

#include <filesystem>

#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Writes the expert ids alone as `[tokens, layers, top_k]`, u1 up to 256 experts, else u2. The format has no
/// place for sequences, weights or provenance, so a synthetic trace is refused: its mark would be lost.
void export_npy(const RoutingTrace& trace, const std::filesystem::path& path);

/// Writes everything but the layer ids' stride as the arrays that import_npz reads, deflated.
void export_npz(const RoutingTrace& trace, const std::filesystem::path& path);

}  // namespace prophet
