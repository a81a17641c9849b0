#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "predictor/trained/trained_predictor.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// What --predictor-file names, or nothing where `path` is empty. Throws Error{bad_input} for a file that is
/// none, Error{usage} for one of another number of layers, experts or experts a token.
[[nodiscard]] TrainedPredictor read_predictor_file(const std::string& path, const ExpertGrid& grid,
                                                   std::uint32_t top_k);

/// Takes those of `sequences` away that `trained`, of file `path`, has learned from, and warns that it did.
/// Returns how many. Throws Error{bad_input} where none is left.
std::size_t leave_out_learnt(const std::string& path, const TrainedPredictor& trained,
                             const RoutingTrace& trace, std::vector<SequenceId>& sequences);

}  // namespace prophet
