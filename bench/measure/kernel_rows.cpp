#include <array>
#include <nlohmann/json.hpp>

#include "bench/measure/measured_rows.hpp"
#include "bench/measure/table.hpp"

namespace prophet::measure {
namespace {

constexpr std::array kernel_columns{
    Column{"model", "model", "", 1, 0, 13, true},
    Column{"kernel", "kernel", "", 1, 0, 18, true},
    Column{"detail", "", "", 1, 0, 14, true},
    Column{"shape", "shape", "", 1, 0, 62, true},
    Column{"bytes", "moved", "MB", to_mega, 3, 10},
    Column{"operations", "operations", "M", to_mega, 3, 12},
    Column{"time_ns_median", "median", "us", ns_to_us, 2, 10},
    Column{"time_ns_min", "min", "us", ns_to_us, 2, 10},
    Column{"time_ns_max", "max", "us", ns_to_us, 2, 10},
    Column{"bytes_per_s", "rate", "GB/s", to_giga, 1, 8},
    Column{"bound_ns", "bound", "us", ns_to_us, 2, 10},
    Column{"bound_share", "reached", "%", to_percent, 1, 8},
};

constexpr std::array crossover_columns{
    Column{"model", "model", "", 1, 0, 13, true},
    Column{"format", "format", "", 1, 0, 10, true},
    Column{"experts", "experts", "", 1, 0, 7},
    Column{"rows", "rows each", "", 1, 0, 9},
    Column{"few_ns_median", "few-token", "us", ns_to_us, 2, 11},
    Column{"few_bound_ns", "its bound", "us", ns_to_us, 2, 11},
    Column{"many_ns_median", "cuBLAS", "us", ns_to_us, 2, 11},
    Column{"many_bound_ns", "its bound", "us", ns_to_us, 2, 11},
};

constexpr std::array answer_columns{
    Column{"model", "model", "", 1, 0, 13, true},
    Column{"format", "format", "", 1, 0, 10, true},
    Column{"measured_rows", "measured", "rows", 1, 0, 10},
    Column{"profile_rows", "by profile", "rows", 1, 0, 11},
    Column{"peak_rows", "by peaks", "rows", 1, 0, 11},
};

const char* units_name(OperationsOn units) {
  switch (units) {
    case OperationsOn::no_bound:
      return "no bound";
    case OperationsOn::vector:
      return "vector";
    case OperationsOn::matrix:
      return "matrix";
  }
  return "unknown";
}

void set_bound(Rows& row, const char* key, const Work& work, const MeasuredAgainst& against, bool has_times) {
  row[key] = nullptr;
  const auto bound = has_times ? bound_ns(work, against.rates) : std::nullopt;
  if (bound) row[key] = *bound;
}

Rows kernel_row(const KernelRow& kernel, const MeasuredAgainst& against, bool has_times) {
  Rows row;
  row["model"] = kernel.model;
  row["kernel"] = kernel.kernel;
  row["detail"] = kernel.detail;
  row["shape"] = Rows::object();
  for (const auto& [name, value] : kernel.shape) row["shape"][name] = value;
  row["bytes"] = kernel.work.bytes;
  row["operations"] = kernel.work.operations;
  row["operations_on"] = units_name(kernel.work.units);
  set_timing(row, "time_ns", kernel.time, has_times);
  set_rate(row, "bytes_per_s", kernel.work.bytes, kernel.time, has_times);
  set_rate(row, "operations_per_s", kernel.work.operations, kernel.time, has_times);
  set_bound(row, "bound_ns", kernel.work, against, has_times);
  row["bound_share"] = nullptr;
  if (row["bound_ns"].is_number() && kernel.time.median_ns != 0)
    row["bound_share"] = row["bound_ns"].get<double>() / static_cast<double>(kernel.time.median_ns);
  return row;
}

Rows crossover_row(const CrossoverRow& compared, const MeasuredAgainst& against, bool has_times) {
  Rows row;
  row["model"] = compared.model;
  row["format"] = kernels::format_info(compared.format).name;
  row["experts"] = compared.experts;
  row["rows"] = compared.rows;
  set_timing(row, "few_ns", compared.few, has_times);
  set_bound(row, "few_bound_ns", compared.few_work, against, has_times);
  set_timing(row, "many_ns", compared.many, has_times);
  set_bound(row, "many_bound_ns", compared.many_work, against, has_times);
  return row;
}

bool are_of_one_format(const CrossoverRow& a, const CrossoverRow& b) {
  return a.model == b.model && a.format == b.format;
}

/// The first rows of `compared` from which on cuBLAS was never slower; null where it was at the last.
Rows measured_rows(const std::vector<CrossoverRow>& all, const CrossoverRow& compared) {
  Rows found;
  for (const CrossoverRow& row : all) {
    if (!are_of_one_format(row, compared)) continue;
    if (row.many.median_ns > row.few.median_ns) {
      found = nullptr;
    } else if (found.is_null()) {
      found = row.rows;
    }
  }
  return found;
}

/// Null where the rates are not known.
Rows stated_rows(kernels::ExpertFormat format, const kernels::ExpertRates& rates) {
  if (!(rates.memory_bytes_per_s > 0 && rates.matrix_flops_per_s > 0 && rates.vector_flops_per_s > 0))
    return nullptr;
  return kernels::expert_ffn_crossover_rows(format, rates);
}

}  // namespace

Rows kernel_rows(const MeasuredKernels& measured, const MeasuredAgainst& against) {
  Rows rows = Rows::array();
  for (const KernelRow& kernel : measured.rows)
    rows.push_back(kernel_row(kernel, against, measured.gpu.times_mean_something));
  return rows;
}

std::string kernel_table(const Rows& rows) {
  return table_text(kernel_columns, rows);
}

Rows crossover_rows(const MeasuredKernels& measured, const MeasuredAgainst& against) {
  Rows rows = Rows::array();
  for (const CrossoverRow& compared : measured.crossover)
    rows.push_back(crossover_row(compared, against, measured.gpu.times_mean_something));
  return rows;
}

Rows crossover_answers(const MeasuredKernels& measured, const MeasuredAgainst& against) {
  Rows answers = Rows::array();
  const CrossoverRow* before = nullptr;
  for (const CrossoverRow& compared : measured.crossover) {
    const bool is_first = before == nullptr || !are_of_one_format(*before, compared);
    before = &compared;
    if (!is_first) continue;
    Rows answer;
    answer["model"] = compared.model;
    answer["format"] = kernels::format_info(compared.format).name;
    answer["measured_rows"] = nullptr;
    if (measured.gpu.times_mean_something)
      answer["measured_rows"] = measured_rows(measured.crossover, compared);
    answer["profile_rows"] = stated_rows(compared.format, against.rates);
    answer["peak_rows"] = nullptr;  // a vehicle's clocks are none
    if (measured.gpu.times_mean_something)
      answer["peak_rows"] = stated_rows(compared.format, measured.gpu.peak_rates);
    answers.push_back(answer);
  }
  return answers;
}

std::string crossover_table(const Rows& rows) {
  return table_text(crossover_columns, rows);
}

std::string answers_table(const Rows& answers) {
  return table_text(answer_columns, answers);
}

}  // namespace prophet::measure
