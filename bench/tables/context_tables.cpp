#include "bench/tables/context_tables.hpp"

#include <array>

#include "bench/tables/memory_budget.hpp"
#include "bench/tables/study_inputs.hpp"

namespace prophet::tables {
namespace {

using namespace analytic;
namespace xxl = study_inputs::switch_xxl;
namespace large = study_inputs::switch_large;

constexpr double bytes_per_gb = 1e9;
constexpr const char* xxl_name = "switch-xxl-128";
constexpr const char* large_name = "switch-large-128";
constexpr std::array memory_gpus = {"a100-40gb", "a100-80gb", "h100-80gb"};
constexpr std::array<std::uint32_t, 9> scaled_batches = {1, 4, 8, 16, 32, 64, 128, 256, 512};
constexpr std::uint32_t scaled_context_tokens = 512;
constexpr std::array<std::uint32_t, 7> kept_counts = {1, 4, 8, 16, 32, 64, 128};
constexpr std::array<std::uint32_t, 7> tradeoff_batches = {1, 2, 4, 8, 16, 32, 64};
constexpr std::uint32_t static_experts = 40;
static_assert(static_experts == xxl::static_experts);

double in_gb(double bytes) {
  return bytes / bytes_per_gb;
}

std::string label_of(Catalogue catalogue, const char* name) {
  return catalogue_model(catalogue, name)->model.label;
}

Cell tokens(const MemoryBudget& budget) {
  return static_cast<double>(budget.context_tokens());
}

void append(std::vector<Cell>& row, const std::vector<Cell>& more) {
  row.insert(row.end(), more.begin(), more.end());
}

struct NamedBudget {
  const char* approach;
  MemoryBudget budget;
};

/// Everything resident, 40 experts of a layer that never change, and Prophet: Switch-XXL at batch 8.
std::array<NamedBudget, 3> xxl_budgets(Catalogue catalogue, const char* gpu_name) {
  const AnalyticGpu gpu = catalogue_gpu(catalogue, gpu_name);
  if (catalogue == Catalogue::study) {
    return {{{"all resident", study_switch_xxl_budget(gpu.study_gb, xxl::experts, false)},
             {"40 static experts", study_switch_xxl_budget(gpu.study_gb, xxl::static_experts, false)},
             {"Prophet", study_switch_xxl_budget(gpu.study_gb, xxl::kept_experts, true)}}};
  }
  const AnalyticModel model = catalogue_model(catalogue, xxl_name)->model;
  constexpr std::uint32_t batch = study_inputs::batch;
  return {{{"all resident", real_budget(model, Approach::all_resident, batch, gpu.memory_bytes)},
           {"40 static experts", real_budget_of_kept(model, static_experts, false, batch, gpu.memory_bytes)},
           {"Prophet", real_budget(model, Approach::prophet, batch, gpu.memory_bytes)}}};
}

/// Everything resident, and Prophet: Switch-Large on an A100-40GB.
std::array<NamedBudget, 2> large_budgets(Catalogue catalogue, std::uint32_t batch) {
  const AnalyticGpu gpu = catalogue_gpu(catalogue, "a100-40gb");
  if (catalogue == Catalogue::study) {
    return {{{"all resident", study_switch_large_budget(gpu.study_gb, 1, batch)},
             {"Prophet", study_switch_large_budget(gpu.study_gb, large::kept_share, batch)}}};
  }
  const AnalyticModel model = catalogue_model(catalogue, large_name)->model;
  return {{{"all resident", real_budget(model, Approach::all_resident, batch, gpu.memory_bytes)},
           {"Prophet", real_budget(model, Approach::prophet, batch, gpu.memory_bytes)}}};
}

std::vector<Cell> budget_row(const std::string& model, const char* gpu, const NamedBudget& named) {
  const MemoryBudget& budget = named.budget;
  return {model,
          gpu,
          static_cast<double>(study_inputs::batch),
          named.approach,
          in_gb(budget.other_bytes),
          in_gb(budget.experts_bytes),
          in_gb(budget.own_bytes),
          in_gb(budget.fixed_bytes()),
          in_gb(budget.memory_bytes),
          in_gb(budget.available_bytes()),
          tokens(budget)};
}

const char* real_note() {
  return "Prophet keeps as many whole experts of a layer as the study's law asks for at the batch; its own "
         "are its predictor and top-k staging slabs.";
}

/// Totals at 512 tokens each, as table 5 has them, less its KV: no document says what they are made of.
std::array<double, 2> scaled_totals_gb(Catalogue catalogue, std::uint32_t batch, double kv_gb) {
  if (catalogue == Catalogue::study) return {large::baseline_rest_gb + kv_gb, large::prophet_rest_gb + kv_gb};
  const auto budgets = large_budgets(catalogue, batch);
  return {in_gb(budgets[0].budget.fixed_bytes()) + kv_gb, in_gb(budgets[1].budget.fixed_bytes()) + kv_gb};
}

}  // namespace

Table make_context_vs_memory(Catalogue catalogue) {
  Table table;
  table.notes = {catalogue == Catalogue::study
                     ? "By the document's own budget: 30.75 GB beside experts of 384, 120 and 48 GB and 7.2 "
                       "MB, KV of 3,145,728 bytes for one more token of each sequence. It prints 512 to "
                       "4,096 tokens, which follow from no budget."
                     : real_note()};
  table.columns = {text_column("gpu", "GPU"),
                   gb_column("memory_gb", "memory"),
                   count_column("baseline_context_tokens", "all resident, tokens"),
                   count_column("static_context_tokens", "40 static experts, tokens"),
                   count_column("prophet_context_tokens", "Prophet, tokens"),
                   text_column("outcome", "outcome"),
                   number_column("extension", "extension")};
  for (const char* const gpu : memory_gpus) {
    const auto budgets = xxl_budgets(catalogue, gpu);
    std::vector<Cell> row = {gpu, in_gb(budgets[0].budget.memory_bytes)};
    for (const NamedBudget& named : budgets) row.push_back(tokens(named.budget));
    append(row, extension_cells(budgets.front().budget, budgets.back().budget));
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table make_batch_scaling(Catalogue catalogue) {
  Table table;
  table.notes = {catalogue == Catalogue::study
                     ? "KV by the document's formula, twice what it prints. The rest, 12.075 and 3.175 GB, "
                       "is what its totals leave; nothing says what it is made of. With it every batch fits "
                       "into 40 GB, also those of which the document says that they do not."
                     : real_note()};
  table.columns = {count_column("batch", "batch"),
                   gb_column("kv_gb", "KV"),
                   gb_column("baseline_total_gb", "all resident"),
                   gb_column("prophet_total_gb", "Prophet"),
                   gb_column("memory_gb", "memory"),
                   text_column("baseline_fits", "all resident fits"),
                   text_column("prophet_fits", "Prophet fits")};
  for (const std::uint32_t batch : scaled_batches) {
    const MemoryBudget budget = large_budgets(catalogue, batch)[0].budget;
    const double kv_gb = in_gb(budget.kv_step_bytes * scaled_context_tokens);
    const double memory_gb = in_gb(budget.memory_bytes);
    const auto totals = scaled_totals_gb(catalogue, batch, kv_gb);
    table.rows.push_back({static_cast<double>(batch), kv_gb, totals[0], totals[1], memory_gb,
                          yes_or_no(totals[0] <= memory_gb), yes_or_no(totals[1] <= memory_gb)});
  }
  return table;
}

Table make_coverage_savings(Catalogue catalogue) {
  Table table;
  table.notes = {
      "Coverage, the share of a step's experts that a forecast of so many names, is a measurement: that of "
      "prophet eval-predictor, and of prophet replay with --coverage.",
      "E/kept is what the document calls the increase of the context. What the memory of an A100-80GB holds "
      "at batch 8 stands in the last column; with all experts it holds nothing."};
  table.columns = {count_column("kept_experts", "experts kept of a layer"),
                   gb_column("experts_gb", "their memory"),
                   percent_column("savings_percent", "experts saved"),
                   number_column("sparsity", "E/kept", 2),
                   gb_column("fixed_gb", "all but KV"),
                   count_column("context_tokens", "longest context, tokens")};
  const AnalyticGpu gpu = catalogue_gpu(catalogue, "a100-80gb");
  const AnalyticModel model = catalogue_model(catalogue, xxl_name)->model;
  for (const std::uint32_t kept : kept_counts) {
    const bool forecasts = kept < model.experts;
    const MemoryBudget budget =
        catalogue == Catalogue::study
            ? study_switch_xxl_budget(gpu.study_gb, kept, forecasts)
            : real_budget_of_kept(model, kept, forecasts, study_inputs::batch, gpu.memory_bytes);
    const double share = static_cast<double>(kept) / model.experts;
    table.rows.push_back({static_cast<double>(kept), in_gb(budget.experts_bytes), percent(1 - share),
                          1 / share, in_gb(budget.fixed_bytes()), tokens(budget)});
  }
  return table;
}

Table make_memory_to_context(Catalogue catalogue) {
  Table table;
  table.notes = {catalogue == Catalogue::study
                     ? "The document gives Switch-Large 24 GB of experts and, with no source, 22 GB beside "
                       "them; its batch there is not said, here it is 8 as with Switch-XXL."
                     : real_note()};
  table.columns = {text_column("model", "model"),
                   text_column("gpu", "GPU"),
                   count_column("batch", "batch"),
                   text_column("approach", "approach"),
                   gb_column("other_gb", "non-expert and activations"),
                   gb_column("experts_gb", "experts"),
                   gb_column("own_gb", "Prophet's own"),
                   gb_column("fixed_gb", "all but KV"),
                   gb_column("memory_gb", "memory"),
                   gb_column("available_gb", "left for KV"),
                   count_column("context_tokens", "longest context, tokens")};
  for (const NamedBudget& named : xxl_budgets(catalogue, "a100-80gb"))
    table.rows.push_back(budget_row(label_of(catalogue, xxl_name), "a100-80gb", named));
  for (const NamedBudget& named : large_budgets(catalogue, study_inputs::batch))
    table.rows.push_back(budget_row(label_of(catalogue, large_name), "a100-40gb", named));
  return table;
}

Table make_batch_context(Catalogue catalogue) {
  Table table;
  table.notes = {
      catalogue == Catalogue::study
          ? "By the budget of the document's memory_to_context table, whose baseline does not fit: it prints "
            "four times as many tokens for Prophet at every batch, which follows from neither."
          : real_note()};
  table.columns = {count_column("batch", "batch"),
                   count_column("baseline_context_tokens", "all resident, tokens"),
                   count_column("prophet_context_tokens", "Prophet, tokens"),
                   text_column("outcome", "outcome"), number_column("extension", "extension")};
  for (const std::uint32_t batch : tradeoff_batches) {
    const auto budgets = large_budgets(catalogue, batch);
    std::vector<Cell> row = {static_cast<double>(batch), tokens(budgets[0].budget),
                             tokens(budgets[1].budget)};
    append(row, extension_cells(budgets[0].budget, budgets[1].budget));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace prophet::tables
