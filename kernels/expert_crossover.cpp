#include "kernels/expert_crossover.hpp"

#include <algorithm>

namespace prophet::kernels {
namespace {

constexpr double bf16_bytes = 2;

/// Bytes of a weight with its share of the scales, for rows long enough that a scale of a row does not count.
double weight_bytes(const FormatInfo& info) {
  const double shared_by = static_cast<double>(info.scale_rows) * info.scale_columns;
  return info.value_bits / 8.0 + (shared_by == 0 ? 0.0 : info.scale_bytes / shared_by);
}

/// Vector operations that turn one stored code into fp32, as the few-token kernel does it.
double decode_operations(ExpertFormat format) {
  switch (format) {
    case ExpertFormat::fp32:
      return 0;
    case ExpertFormat::bf16:
    case ExpertFormat::fp16:
      return 1;
    default:
      return 3;
  }
}

bool is_written_out(ExpertFormat format) {
  return format_info(format).value_bits < 16;
}

}  // namespace

double few_token_weight_s(ExpertFormat format, std::uint32_t rows, const ExpertRates& rates) noexcept {
  const double passes = (rows + few_token_rows - 1) / few_token_rows;
  const double memory = passes * weight_bytes(format_info(format)) / rates.memory_bytes_per_s;
  const double vector = (2.0 * rows + passes * decode_operations(format)) / rates.vector_flops_per_s;
  return std::max(memory, vector);
}

double many_token_weight_s(ExpertFormat format, std::uint32_t rows, const ExpertRates& rates) noexcept {
  const double bytes = weight_bytes(format_info(format));
  if (format == ExpertFormat::fp32)
    return std::max(bytes / rates.memory_bytes_per_s, 2.0 * rows / rates.vector_flops_per_s);
  const double product = 2.0 * rows / rates.matrix_flops_per_s;
  if (!is_written_out(format)) return std::max(bytes / rates.memory_bytes_per_s, product);
  return (bytes + bf16_bytes) / rates.memory_bytes_per_s +
         std::max(bf16_bytes / rates.memory_bytes_per_s, product);
}

std::uint32_t expert_ffn_crossover_rows(ExpertFormat format, const ExpertRates& rates) noexcept {
  if (!(rates.memory_bytes_per_s > 0 && rates.matrix_flops_per_s > 0 && rates.vector_flops_per_s > 0))
    return 1;
  std::uint32_t rows = 1;
  while (rows < crossover_rows_max &&
         many_token_weight_s(format, rows, rates) >= few_token_weight_s(format, rows, rates)) {
    ++rows;
  }
  return rows;
}

}  // namespace prophet::kernels
