#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/headroom/study_grid.hpp"

namespace prophet {

/// A cell beside the all-resident one of the same device and batch, flat: every term, the analytic count and
/// its error, the closed form, the outcome (null of the all-resident cell itself), what the proof proved.
[[nodiscard]] nlohmann::ordered_json headroom_row(const HeadroomCell& cell, const HeadroomCell& all_resident,
                                                  std::uint64_t context_tokens);

/// Every term as a line, every cell as a column; the first cell is the all-resident one. With a legend.
[[nodiscard]] std::string headroom_table(const std::vector<HeadroomCell>& cells,
                                         std::uint64_t context_tokens);

/// What all cells of the study's grid come to.
struct GridSummary {
  std::uint32_t cells = 0;
  std::uint32_t ratio = 0;
  std::uint32_t enabled = 0;
  std::uint32_t neither = 0;
  std::uint32_t resident_only = 0;
  double ratio_mean = 0;  ///< over the cells where both sides fit
  double ratio_max = 0;
  double error_max = 0;              ///< of analytic against measured tokens, over both sides of all cells
  double closed_form_error_max = 0;  ///< over the sides that fit
  double closed_form_error_median = 0;
  double waste_max = 0;                ///< share of lent slabs, over the models
  std::string waste_model;             ///< whose it is
  std::uint64_t page_allocations = 0;  ///< pages held when sequences were refused, of both sides
};
[[nodiscard]] GridSummary summarise(const std::vector<StudyCell>& cells, std::uint64_t context_tokens);

/// A line for each model and GPU with its six batches, and the summary.
[[nodiscard]] std::string grid_table(const std::vector<StudyCell>& cells, std::uint64_t context_tokens);
[[nodiscard]] nlohmann::ordered_json summary_json(const GridSummary& summary);

}  // namespace prophet
