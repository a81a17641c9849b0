#include "bench/ledger/expert_quantities.hpp"

#include <cmath>

#include "bench/analytic/expert_demand.hpp"
#include "bench/analytic/study/configurations.hpp"

namespace prophet::ledger {
namespace {

constexpr double percent = 100;

/// Least squares of log U over log B.
double exact_exponent(std::uint32_t experts, std::uint32_t top_k) {
  double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
  for (const std::uint32_t batch : study_batches) {
    const double x = std::log(batch);
    const double y = std::log(analytic::unique_uniform(experts, top_k, batch));
    sum_x += x;
    sum_y += y;
    sum_xx += x * x;
    sum_xy += x * y;
  }
  const auto count = static_cast<double>(study_batches.size());
  return (count * sum_xy - sum_x * sum_y) / (count * sum_xx - sum_x * sum_x);
}

std::optional<double> sharing_quantity(std::string_view name, const analytic::Sharing& sharing) {
  if (name == "saving") return percent * sharing.savings;
  if (name == "sparsity") return sharing.sparsity;
  if (name == "reuse") return sharing.reuse;
  return std::nullopt;
}

}  // namespace

std::optional<double> expert_quantity(std::string_view name, std::uint32_t experts, std::uint32_t top_k,
                                      const Place& place) {
  constexpr std::string_view exact = "_exact";
  if (name == "saturation") return analytic::saturation_batch(experts, top_k);
  if (name == "exact_exponent") return exact_exponent(experts, top_k);
  const bool is_exact = name.ends_with(exact);
  if (is_exact) name.remove_suffix(exact.size());
  if (name != "unique" && name != "saving" && name != "sparsity" && name != "reuse") return std::nullopt;
  const std::uint32_t batch = batch_of(place);
  const double unique = is_exact ? analytic::unique_uniform(experts, top_k, batch)
                                 : analytic::unique_power_law(experts, top_k, batch);
  if (name == "unique") return unique;
  return sharing_quantity(name, analytic::sharing(experts, top_k, batch, unique));
}

}  // namespace prophet::ledger
