#include "bench/report/headroom_rows.hpp"

#include <nlohmann/json.hpp>

namespace prophet {
namespace {

using Row = nlohmann::ordered_json;

void add_question(Row& row, const HeadroomCell& cell) {
  const HeadroomQuestion& question = cell.question;
  row["model"] = question.model.name;
  row["device"] = cell.device;
  row["batch"] = question.batch;
  row["all_resident"] = question.all_resident();
  row["cache_slabs"] = question.cache_slabs;
  row["staging_slabs"] = question.staging_slabs;
  row["slab_fraction"] =
      static_cast<double>(question.cache_slabs) / static_cast<double>(question.model.grid.size());
  row["expert_dtype"] = dtype_name(question.expert_dtype);
  row["kv_dtype"] = dtype_name(question.kv_dtype);
  row["page_tokens"] = question.page_tokens;
  row["step_tokens"] = question.step_tokens;
}

void add_terms(Row& row, const HeadroomTerms& terms) {
  row["device_bytes"] = terms.room.total_bytes;
  row["context_bytes"] = terms.room.context_bytes;
  row["reserve_bytes"] = terms.room.reserve_bytes;
  row["usable_bytes"] = terms.room.usable_bytes;
  row["granularity_bytes"] = terms.room.granularity_bytes;
  row["rounding_bytes"] = terms.rounding_bytes;
  row["weights_bytes"] = terms.weights_bytes;
  row["predictor_bytes"] = terms.predictor_bytes;
  row["workspace_bytes"] = terms.workspace_bytes;
  row["block_table_bytes"] = terms.block_table_bytes;
  row["expert_bytes"] = terms.expert_bytes;
  row["slab_bytes"] = terms.slab_bytes;
  row["slabs"] = terms.slabs;
  row["lent_slabs"] = terms.lent_slabs;
  row["page_bytes"] = terms.page_bytes;
  row["pages_per_slab"] = terms.pages_per_slab;
  row["pages"] = terms.pages;
  row["state_pages"] = terms.state_pages;
  row["used_pages"] = terms.used_pages;
  row["lent_waste_bytes"] = terms.lent_waste_bytes;
  row["lent_waste_fraction"] = terms.lent_waste_fraction();
  row["rest_bytes"] = terms.rest_bytes;
  row["missing_bytes"] = terms.missing_bytes;
  row["tokens"] = terms.tokens;
  row["context_tokens"] = terms.context_tokens;
}

void add_analytic(Row& row, const HeadroomCell& cell) {
  row["analytic_pages"] = cell.analytic.pages;
  row["analytic_tokens"] = cell.analytic.tokens;
  row["analytic_context_tokens"] = cell.analytic.context_tokens;
  row["analytic_error"] = error_of(cell.analytic.tokens, cell.measured.tokens);
  row["closed_form_tokens"] = cell.closed_form_tokens;
  row["closed_form_error"] = error_of(cell.closed_form_tokens, cell.measured.tokens);
}

void add_outcome(Row& row, const HeadroomCell& cell, const HeadroomCell& all_resident,
                 std::uint64_t context_tokens) {
  row["resident_tokens"] = all_resident.measured.tokens;
  row["resident_analytic_tokens"] = all_resident.analytic.tokens;
  row["resident_missing_bytes"] = all_resident.measured.missing_bytes;
  row["outcome"] = nullptr;
  row["extension"] = nullptr;
  if (&cell == &all_resident) return;
  const Extension extension = extension_of(all_resident, cell, context_tokens);
  row["outcome"] = outcome_name(extension.outcome);
  if (extension.outcome == HeadroomOutcome::ratio) row["extension"] = extension.ratio;
}

void add_proof(Row& row, const HeadroomCell& cell) {
  row["proof"] = "none";
  row["proven_pages"] = 0;
  row["proven_bytes"] = 0;
  if (!cell.proof) return;
  row["proof"] = cell.proof->compared ? "contents" : "order";
  row["proven_pages"] = cell.proof->pages;
  row["proven_bytes"] = cell.proof->bytes;
}

}  // namespace

Row headroom_row(const HeadroomCell& cell, const HeadroomCell& all_resident, std::uint64_t context_tokens) {
  Row row;
  add_question(row, cell);
  add_terms(row, cell.measured);
  add_analytic(row, cell);
  add_outcome(row, cell, all_resident, context_tokens);
  add_proof(row, cell);
  return row;
}

}  // namespace prophet
