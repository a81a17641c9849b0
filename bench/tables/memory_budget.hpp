#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bench/analytic/analytic_model.hpp"
#include "bench/tables/table.hpp"

/// What is left of a GPU's memory for KV, and how many tokens that is.
namespace prophet::tables {

/// In bytes, of which document 000 also has parts.
struct MemoryBudget {
  double memory_bytes = 0;
  double other_bytes = 0;  ///< non-expert weights and activations
  double experts_bytes = 0;
  double own_bytes = 0;      ///< Prophet's
  double kv_step_bytes = 0;  ///< of one more token of each sequence

  [[nodiscard]] double fixed_bytes() const { return other_bytes + experts_bytes + own_bytes; }
  /// 0 where the rest does not fit.
  [[nodiscard]] double available_bytes() const;
  /// Whole tokens of each sequence.
  [[nodiscard]] std::uint64_t context_tokens() const;
};

/// Document 000's for Switch-XXL with so many experts of a layer resident, batch 8.
[[nodiscard]] MemoryBudget study_switch_xxl_budget(double memory_gb, double kept_experts, bool forecasts);
/// Its table 8's for Switch-Large, whose other memory it takes as 22 GB at every batch.
[[nodiscard]] MemoryBudget study_switch_large_budget(double memory_gb, double kept_share, double batch);

/// That of an architecture, for an approach.
[[nodiscard]] MemoryBudget real_budget(const analytic::AnalyticModel& model, analytic::Approach approach,
                                       std::uint32_t batch, std::uint64_t memory_bytes);
/// With `kept_experts` of each layer resident, and staging slabs for the others; a predictor where they are
/// forecast.
[[nodiscard]] MemoryBudget real_budget_of_kept(const analytic::AnalyticModel& model,
                                               std::uint32_t kept_experts, bool forecasts,
                                               std::uint32_t batch, std::uint64_t memory_bytes);

/// Outcome and ratio of two budgets, as cells for columns "outcome" and "extension".
[[nodiscard]] std::vector<Cell> extension_cells(const MemoryBudget& baseline, const MemoryBudget& prophet);

}  // namespace prophet::tables
