#include "bench/report/curve_rows.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

namespace prophet {
namespace {

struct CurveRow {
  std::string_view policy;
  bool is_bound = false;
  std::uint32_t slabs = 0;
  std::uint64_t hits = 0;
};

double hit_rate(std::uint64_t hits, const CurveReport& report) {
  const std::uint64_t requests = report.lru.requests;
  return requests == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(requests);
}

std::vector<CurveRow> flat_rows(const CurveReport& report) {
  std::vector<CurveRow> rows;
  for (std::uint32_t slabs = 1; slabs < report.lru.hits.size(); ++slabs) {
    rows.push_back({"lru", false, slabs, report.lru.hits[slabs]});
  }
  for (const CurvePoint& point : report.points) {
    rows.push_back({"belady", true, point.slabs, point.belady_hits});
    rows.push_back({"grouped-belady", true, point.slabs, point.grouped_belady_hits});
    rows.push_back({"static-hindsight", false, point.slabs, point.static_hits});
  }
  return rows;
}

std::vector<std::uint64_t> count_each(const RequestGroups& requests) {
  std::vector<std::uint64_t> counts(requests.grid.size());
  for (const ExpertIndex expert : requests.experts) ++counts[expert.index()];
  return counts;
}

}  // namespace

CurveReport count_curve(const RequestGroups& requests, const std::vector<std::uint32_t>& slabs) {
  const std::vector<std::uint64_t> popularity = count_each(requests);
  CurveReport report{requests.grid, lru_curve(requests), {}};
  for (const std::uint32_t count : slabs) {
    report.points.push_back({count, belady_hits(requests, count), grouped_belady_hits(requests, count),
                             static_hits(requests, popularity, count)});
  }
  return report;
}

nlohmann::json curve_rows_json(const CurveReport& report) {
  nlohmann::json rows = nlohmann::json::array();
  for (const CurveRow& row : flat_rows(report)) {
    rows.push_back({{"policy", row.policy},
                    {"is_bound", row.is_bound},
                    {"slabs", row.slabs},
                    {"requests", report.lru.requests},
                    {"hits", row.hits},
                    {"hit_rate", hit_rate(row.hits, report)}});
  }
  return rows;
}

std::string curve_rows_csv(const CurveReport& report) {
  std::string text = "policy,is_bound,slabs,requests,hits,hit_rate\n";
  for (const CurveRow& row : flat_rows(report)) {
    text += fmt::format("{},{},{},{},{},{:.9f}\n", row.policy, row.is_bound, row.slabs, report.lru.requests,
                        row.hits, hit_rate(row.hits, report));
  }
  return text;
}

std::string curve_table(const CurveReport& report) {
  std::string text = fmt::format("{:>8} {:>10} {:>9} {:>9} {:>16} {:>18}\n", "slabs", "of experts", "LRU",
                                 "Belady *", "grouped Belady *", "static (hindsight)");
  for (const CurvePoint& point : report.points) {
    text += fmt::format("{:>8} {:>8.1f} % {:>7.2f} % {:>7.2f} % {:>14.2f} % {:>16.2f} %\n", point.slabs,
                        100.0 * point.slabs / report.grid.size(), 100 * report.lru.hit_rate(point.slabs),
                        100 * hit_rate(point.belady_hits, report),
                        100 * hit_rate(point.grouped_belady_hits, report),
                        100 * hit_rate(point.static_hits, report));
  }
  text +=
      "Share of requests that hit. LRU and Belady start empty and take one request at a time; grouped "
      "Belady\n"
      "classifies the experts of a layer together, as a replay does.\n"
      "* bound: looks ahead, and may decline to keep an expert.\n"
      "static holds, from the start, the experts that these same requests ask for most: hindsight, not a "
      "forecast.\n";
  return text;
}

}  // namespace prophet
