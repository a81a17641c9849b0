#include "bench/report/forecast_rows.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace prophet {
namespace {

using Share = std::optional<double>;

std::string coverage_name(std::uint32_t named, const ExpertGrid& grid) {
  return named >= grid.experts ? "all" : fmt::format("{}", named);
}

nlohmann::json json_of(const Share& share) {
  return share ? nlohmann::json(*share) : nlohmann::json(nullptr);
}

std::string csv_of(const Share& share) {
  return share ? fmt::format("{:.9f}", *share) : "";
}

std::string percent(const Share& share) {
  return share ? fmt::format("{:>8.2f}", 100 * *share) : fmt::format("{:>8}", "-");
}

std::string number(const Share& share) {
  return share ? fmt::format("{:>8.4f}", *share) : fmt::format("{:>8}", "-");
}

const char* scope_name(ForecastScope scope) {
  switch (scope) {
    case ForecastScope::step:
      return "step";
    case ForecastScope::next_step:
      return "next-step";
    case ForecastScope::layer:
      return "layer";
  }
  return "";
}

nlohmann::json coverage_json(const ForecastReport& report, const ForecastTally& tally) {
  nlohmann::json all = nlohmann::json::array();
  for (std::size_t c = 0; c < report.coverages.size(); ++c) {
    all.push_back({{"coverage", coverage_name(report.coverages[c], report.grid)},
                   {"recall", json_of(tally.recall(c))},
                   {"absent_named", tally.coverage()[c].absent},
                   {"absent_named_wanted", tally.coverage()[c].absent_wanted},
                   {"absent_precision", json_of(tally.absent_precision(c))},
                   {"absent_recall", json_of(tally.absent_recall(c))}});
  }
  return all;
}

nlohmann::json reliability_json(const ForecastTally& tally) {
  nlohmann::json all = nlohmann::json::array();
  for (std::size_t b = 0; b < ForecastTally::bins; ++b) {
    const ReliabilityBin& bin = tally.reliability()[b];
    const auto count = static_cast<double>(bin.count);
    nlohmann::json row = {{"from", static_cast<double>(b) / ForecastTally::bins},
                          {"to", static_cast<double>(b + 1) / ForecastTally::bins},
                          {"count", bin.count},
                          {"mean_forecast", nullptr},
                          {"observed", nullptr}};
    if (bin.count != 0) {
      row["mean_forecast"] = bin.said / count;
      row["observed"] = static_cast<double>(bin.came_true) / count;
    }
    all.push_back(std::move(row));
  }
  return all;
}

nlohmann::json row_json(const ForecastReport& report, const ForecastRow& row) {
  const ForecastTally& tally = row.tally;
  nlohmann::json json = {{"predictor", row.predictor},
                         {"is_control", row.is_control},
                         {"ahead", row.ahead},
                         {"scope", scope_name(row.scope)},
                         {"layer", nullptr},
                         {"forecasts", tally.forecasts()},
                         {"wanted", tally.at_k().wanted},
                         {"wanted_absent", tally.wanted_absent()},
                         {"wanted_absent_share", json_of(tally.absent_share())},
                         {"recall_at_k", json_of(tally.recall_at_k())},
                         {"recall_at_2k", json_of(tally.recall_at_2k())},
                         {"brier", json_of(tally.brier())},
                         {"calibration_error", json_of(tally.calibration_error())},
                         {"coverage", coverage_json(report, tally)},
                         {"reliability", reliability_json(tally)}};
  if (row.scope == ForecastScope::layer) json["layer"] = row.layer;
  return json;
}

bool is_asked(const ForecastRow& row, ForecastScope scope, bool with_control) {
  return row.scope == scope && (with_control || !row.is_control);
}

std::string row_name(const ForecastRow& row) {
  return fmt::format("{:<16}{:>5}", row.is_control ? row.predictor + " *" : row.predictor, row.ahead);
}

std::string coverage_header(const ForecastReport& report) {
  std::string text;
  for (const std::uint32_t named : report.coverages)
    text += fmt::format("{:>8}", "@" + coverage_name(named, report.grid));
  return text;
}

const ForecastTally* next_step_of(const ForecastReport& report, const ForecastRow& row) {
  for (const ForecastRow& other : report.rows) {
    if (other.scope == ForecastScope::next_step && other.predictor == row.predictor &&
        other.is_control == row.is_control && other.ahead == row.ahead)
      return &other.tally;
  }
  return nullptr;
}

std::string recall_table(const ForecastReport& report) {
  std::string text = fmt::format("recall, %       ahead{:>8}{:>8}{}{:>11}{:>8}{:>8}\n", "@k", "@2k",
                                 coverage_header(report), "next step", "Brier", "ECE");
  for (const ForecastRow& row : report.rows) {
    if (!is_asked(row, ForecastScope::step, true)) continue;
    const ForecastTally& tally = row.tally;
    text += row_name(row) + percent(tally.recall_at_k()) + percent(tally.recall_at_2k());
    for (std::size_t c = 0; c < report.coverages.size(); ++c) text += percent(tally.recall(c));
    const ForecastTally* const next = next_step_of(report, row);
    text += "   " + percent(next == nullptr ? std::nullopt : next->recall_at_k());
    text += number(tally.brier()) + number(tally.calibration_error()) + "\n";
  }
  return text;
}

std::string absent_table(const ForecastReport& report) {
  std::string text = fmt::format("absent, %       ahead{:>8}{}  |{}\n", "wanted", coverage_header(report),
                                 coverage_header(report));
  for (const ForecastRow& row : report.rows) {
    if (!is_asked(row, ForecastScope::step, false)) continue;
    text += row_name(row) + percent(row.tally.absent_share());
    for (std::size_t c = 0; c < report.coverages.size(); ++c) text += percent(row.tally.absent_precision(c));
    text += "  |";
    for (std::size_t c = 0; c < report.coverages.size(); ++c) text += percent(row.tally.absent_recall(c));
    text += "\n";
  }
  return text;
}

std::string layer_table(const ForecastReport& report) {
  std::string text =
      fmt::format("recall, %       ahead{:>7}{:>8}{:>8}{}\n", "layer", "@k", "@2k", coverage_header(report));
  for (const ForecastRow& row : report.rows) {
    if (!is_asked(row, ForecastScope::layer, false)) continue;
    text += row_name(row) + fmt::format("{:>7}", row.layer) + percent(row.tally.recall_at_k()) +
            percent(row.tally.recall_at_2k());
    for (std::size_t c = 0; c < report.coverages.size(); ++c) text += percent(row.tally.recall(c));
    text += "\n";
  }
  return text;
}

std::string reliability_table(const ForecastReport& report) {
  std::string text = "reliability     ahead   forecast      said %      came %       count\n";
  for (const ForecastRow& row : report.rows) {
    if (!is_asked(row, ForecastScope::step, false)) continue;
    for (std::size_t b = 0; b < ForecastTally::bins; ++b) {
      const ReliabilityBin& bin = row.tally.reliability()[b];
      const auto mean = [&](double sum) -> Share {
        if (bin.count == 0) return std::nullopt;
        return sum / static_cast<double>(bin.count);
      };
      text += row_name(row) + fmt::format("  {:.1f} - {:.1f}", static_cast<double>(b) / ForecastTally::bins,
                                          static_cast<double>(b + 1) / ForecastTally::bins);
      text += fmt::format("    {}    {}{:>12}\n", percent(mean(bin.said)),
                          percent(mean(static_cast<double>(bin.came_true))), bin.count);
    }
  }
  return text;
}

std::string lead_table(const ForecastReport& report) {
  if (report.lead.empty()) return "";
  std::string text = fmt::format("\nlead time       ahead{:>14}  experts copied in it\n",
                                 report.lead_is_simulated ? "us SIMULATED" : "us");
  for (const LeadTime& lead : report.lead) {
    text += fmt::format("{:<16}{:>5}{:>14.1f}{:>22.2f}\n", "", lead.ahead, lead.lead_ns / 1e3,
                        lead.experts_copied);
  }
  return text;
}

constexpr const char* legend =
    "\n@n: the n most probable experts of a layer are named; k is how many the layer wants. recall: of the "
    "experts that\nlayers wanted, the share named. next step: recall@k of layers that were forecast from the "
    "step before.\nBrier: mean squared distance of a probability from what came; ECE: mean distance of "
    "probabilities from\nfrequencies, in ten bins. absent: not resident when the forecast was made. wanted: "
    "the share of wanted experts\nthat were absent; then, of the absent experts named, the share that was "
    "wanted (copies that pay); behind the\nbar, of the absent experts wanted, the share named. -: nothing "
    "was "
    "forecast.\n* control: must read exactly 100.\n";

}  // namespace

nlohmann::json forecast_rows_json(const ForecastReport& report) {
  nlohmann::json rows = nlohmann::json::array();
  for (const ForecastRow& row : report.rows) rows.push_back(row_json(report, row));
  return rows;
}

nlohmann::json lead_json(const ForecastReport& report) {
  nlohmann::json all = nlohmann::json::array();
  for (const LeadTime& lead : report.lead) {
    all.push_back({{"ahead", lead.ahead},
                   {"lead_ns", lead.lead_ns},
                   {"experts_copied", lead.experts_copied},
                   {"simulated", report.lead_is_simulated}});
  }
  return all;
}

std::string forecast_rows_csv(const ForecastReport& report) {
  std::string text =
      "predictor,is_control,ahead,scope,layer,forecasts,wanted,wanted_absent,recall_at_k,recall_at_2k,brier,"
      "calibration_error";
  for (const std::uint32_t named : report.coverages) {
    const std::string name = coverage_name(named, report.grid);
    text += fmt::format(",recall_at_{0},absent_precision_at_{0},absent_recall_at_{0}", name);
  }
  text += "\n";
  for (const ForecastRow& row : report.rows) {
    const ForecastTally& tally = row.tally;
    text += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{}", row.predictor, row.is_control, row.ahead,
        scope_name(row.scope), row.scope == ForecastScope::layer ? fmt::format("{}", row.layer) : "",
        tally.forecasts(), tally.at_k().wanted, tally.wanted_absent(), csv_of(tally.recall_at_k()),
        csv_of(tally.recall_at_2k()), csv_of(tally.brier()), csv_of(tally.calibration_error()));
    for (std::size_t c = 0; c < report.coverages.size(); ++c) {
      text += fmt::format(",{},{},{}", csv_of(tally.recall(c)), csv_of(tally.absent_precision(c)),
                          csv_of(tally.absent_recall(c)));
    }
    text += "\n";
  }
  return text;
}

std::string forecast_table(const ForecastReport& report, bool per_layer, bool reliability) {
  std::string text = recall_table(report) + "\n" + absent_table(report) + lead_table(report);
  if (per_layer) text += "\n" + layer_table(report);
  if (reliability) text += "\n" + reliability_table(report);
  return text + legend;
}

}  // namespace prophet
