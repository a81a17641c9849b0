#include "bench/tables/table_list.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "bench/tables/approach_tables.hpp"
#include "bench/tables/batch_tables.hpp"
#include "bench/tables/breakdown_tables.hpp"
#include "bench/tables/context_tables.hpp"
#include "bench/tables/size_tables.hpp"
#include "bench/tables/summary_tables.hpp"
#include "prophet/error.hpp"
#include "runtime/model/names.hpp"

namespace prophet::tables {
namespace {

constexpr std::array kinds = {
    TableKind{"architectures", "000", "Models", make_architectures},
    TableKind{"memory_components", "000",
              "Switch-XXL's memory by part, A100-80GB, batch 8, 2,048 tokens each", make_memory_components},
    TableKind{"kv_scaling", "000", "Switch-XXL's memory over the context, A100-80GB, batch 8",
              make_kv_scaling},
    TableKind{"context_vs_memory", "000", "Switch-XXL's longest context on three GPUs, batch 8",
              make_context_vs_memory},
    TableKind{"batch_scaling", "000", "Switch-Large's memory over the batch, A100-40GB, 512 tokens each",
              make_batch_scaling},
    TableKind{"qwen_breakdown", "000", "Qwen1.5-MoE's memory by part, batch 8, 2,048 tokens each",
              make_qwen_breakdown},
    TableKind{"coverage_savings", "000",
              "Switch-XXL's memory and context over the experts kept, A100-80GB, batch 8",
              make_coverage_savings},
    TableKind{"memory_to_context", "000", "From memory to context, batch 8", make_memory_to_context},
    TableKind{"batch_context", "000", "Switch-Large's longest context over the batch, A100-40GB",
              make_batch_context},
    TableKind{"kv_extension", "001", "Context with fewer resident experts, A100-80GB, batch 16",
              make_kv_extension},
    TableKind{"average_extension", "001", "Extension of the context by model", make_average_extension},
    TableKind{"by_expert_count", "001", "Savings and extension by the number of experts",
              make_by_expert_count},
    TableKind{"max_context", "001", "Longest context on four GPUs, batch 16", make_max_context},
    TableKind{"batch_impact", "002", "Savings and extension over the batch", make_batch_impact},
    TableKind{"model_memory", "003", "Parameters and memory of whole models", make_model_memory},
    TableKind{"expert_memory", "003", "Memory of experts", make_expert_memory},
    TableKind{"prophet_reduction", "003", "Expert memory that Prophet saves", make_prophet_reduction},
    TableKind{"complete_breakdown", "003", "Experts from one matrix to the whole model",
              make_complete_breakdown},
    TableKind{"saturation", "004", "The batch from which a step wants every expert", make_saturation},
    TableKind{"workload_classes", "004", "Savings and extension by class of workload", make_workload_classes},
    TableKind{"compatibility", "004", "Savings by group of expert counts", make_compatibility},
    TableKind{"alternatives", "004", "Switch-XXL's experts by other means, A100-80GB, batch 16",
              make_alternatives},
    TableKind{"approaches", "001 and 004", "Ways of keeping a model, A100-80GB, 2,048 tokens each",
              make_approaches},
};

}  // namespace

std::span<const TableKind> table_kinds() noexcept {
  return kinds;
}

const TableKind& find_table_kind(std::string_view name) {
  const std::string wanted = lower_case(name);
  std::vector<std::string> names;
  for (const TableKind& kind : kinds) {
    if (wanted == kind.name) return kind;
    names.emplace_back(kind.name);
  }
  throw Error(ErrorCode::usage,
              fmt::format("--table '{}': is no table of the study; expected a name such as {}", name,
                          fmt::join(near_names(name, names), ", ")));
}

Table make_table(const TableKind& kind, Catalogue catalogue) {
  Table table = kind.make(catalogue);
  table.name = kind.name;
  table.document = kind.document;
  table.title = kind.title;
  table.catalogue = catalogue;
  return table;
}

}  // namespace prophet::tables
