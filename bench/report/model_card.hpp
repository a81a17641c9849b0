#pragma once

#include <string>
#include <vector>

#include "bench/report/recall_table.hpp"
#include "predictor/trained/trained_predictor.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// What a model card says that the predictor's file does not.
struct CardFacts {
  std::string file;            ///< as it was asked for
  std::string trace;           ///< as above
  TraceProvenance provenance;  ///< of the trace
  std::uint32_t skip_flags = 0;
  double train_fraction = 0;
  std::uint64_t seed = 0;
  std::size_t train_sequences = 0;
  std::uint64_t train_tokens = 0;
  std::size_t test_sequences = 0;
  std::vector<RecallRow> recalls;  ///< on the sequences that it has not learned from
};

/// Markdown that goes beside the file.
[[nodiscard]] std::string model_card(const TrainedPredictor& trained, const CardFacts& facts);

}  // namespace prophet
