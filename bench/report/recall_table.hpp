#pragma once

#include <string>
#include <vector>

#include "predictor/measure_recall.hpp"

namespace prophet {

/// What one predictor recalled on sequences that nothing was learned from.
struct RecallRow {
  std::string predictor;
  std::vector<RecallAhead> ahead;
};

/// A line for each lookahead and predictor: recall at top-k and twice that, and the loss, within a token and
/// from one into the next.
[[nodiscard]] std::string recall_table(const std::vector<RecallRow>& rows, std::uint32_t top_k);
/// The same as a table of Markdown.
[[nodiscard]] std::string recall_markdown(const std::vector<RecallRow>& rows, std::uint32_t top_k);

}  // namespace prophet
