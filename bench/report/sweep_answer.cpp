#include "bench/report/sweep_answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "runtime/cache/make_policy.hpp"

namespace prophet {
namespace {

struct Nearness {
  double times;  ///< of the all-resident step
  const char* name;
};
constexpr std::array nearnesses{Nearness{1.10, "for a mean step within 10 % of all-resident"},
                                Nearness{1.25, "within 25 %"}, Nearness{2.0, "within twice"}};

double mean_step_ns(const ReportedRow& reported) {
  const ReplayMetrics& m = reported.row.metrics;
  const std::uint64_t sum = std::accumulate(m.step_ns.begin(), m.step_ns.end(), std::uint64_t{0});
  return m.steps == 0 ? 0.0 : static_cast<double>(sum) / static_cast<double>(m.steps);
}

bool is_resident(const ReportedRow& reported) {
  return reported.row.what.policy == "all-resident";
}

bool is_choice(const ReportedRow& reported) {
  return !is_resident(reported) && !policy_is_bound(reported.row.what.policy) &&
         reported.row.what.predictor != "oracle";
}

std::uint32_t all_slabs(const ReportedRow& reported) {
  return reported.row.what.slabs + reported.row.what.staging_slabs;
}

/// Of as few slabs, the fastest; none where staging slabs take what the cache saves.
const ReportedRow* fewest_slabs(const std::vector<ReportedRow>& rows, std::uint32_t batch, double step_ns_max,
                                std::uint32_t experts) {
  const ReportedRow* best = nullptr;
  for (const ReportedRow& reported : rows) {
    if (reported.row.what.batch != batch || !is_choice(reported) || mean_step_ns(reported) > step_ns_max ||
        all_slabs(reported) >= experts)
      continue;
    const bool is_better =
        best == nullptr || all_slabs(reported) < all_slabs(*best) ||
        (all_slabs(reported) == all_slabs(*best) && mean_step_ns(reported) < mean_step_ns(*best));
    if (is_better) best = &reported;
  }
  return best;
}

std::string describe(const ReportedRow* row, std::uint32_t experts) {
  if (row == nullptr) return "none of these that saves memory";
  const ReplayCase& what = row->row.what;
  return fmt::format("{} ({:.0f} % of the experts, {}{})", all_slabs(*row),
                     100.0 * static_cast<double>(all_slabs(*row)) / static_cast<double>(experts), what.policy,
                     what.predictor == "none" ? "" : " + " + what.predictor);
}

}  // namespace

std::string sweep_answer(const std::vector<ReportedRow>& rows, std::uint32_t experts) {
  std::string text;
  for (const ReportedRow& resident : rows) {
    if (!is_resident(resident) || !resident.has_times) continue;
    text += fmt::format("batch {}: fewest slabs, staging included,", resident.row.what.batch);
    for (const Nearness& near : nearnesses) {
      const ReportedRow* row =
          fewest_slabs(rows, resident.row.what.batch, near.times * mean_step_ns(resident), experts);
      text +=
          fmt::format("{} {}: {}", &near == nearnesses.data() ? "" : ";", near.name, describe(row, experts));
    }
    text += "\n";
  }
  return text;
}

std::string cost_of_a_miss(const ReportedRow& reported) {
  const ReplayMetrics& m = reported.row.metrics;
  const PassTotals decode = m.decode();
  const std::uint64_t missed = decode.requests.miss + decode.requests.hit_late;
  if (missed == 0 || m.steps == 0 || !reported.has_times) return "";
  return fmt::format("an expert that is not there costs {:.3f} ms of stall ({:.1f} of them a step)\n",
                     static_cast<double>(decode.stall_ns) / static_cast<double>(missed) / 1e6,
                     static_cast<double>(missed) / static_cast<double>(m.steps));
}

}  // namespace prophet
