#include "bench/report/perplexity_rows.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/engine/live/expert_loader.hpp"

namespace prophet {
namespace {

nlohmann::json number_or_null(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

nlohmann::json row_json(const PerplexityReport& report, const FormatRow& row) {
  const TokenWindows& windows = report.windows;
  const Estimate bits = bits_per_token(windows, row);
  const Estimate more = bits_more(windows, row, report.rows.front());
  return {{"format", expert_format_name(row.format)},
          {"is_stored", row.stored},
          {"expert_bytes", row.expert_bytes},
          {"slab_bytes", row.slab_bytes},
          {"all_experts_bytes", row.all_experts_bytes},
          {"resident_bytes", report.resident_bytes},
          {"windows", windows.count},
          {"predicted_tokens", windows.predicted()},
          {"bits_per_token", number_or_null(bits.mean)},
          {"bits_per_token_standard_error", number_or_null(bits.standard_error)},
          {"perplexity", number_or_null(perplexity(windows, row))},
          {"bits_more", number_or_null(more.mean)},
          {"bits_more_standard_error", number_or_null(more.standard_error)},
          {"perplexity_ratio", number_or_null(std::exp2(more.mean))},
          {"same_top_share", same_top_share(windows, row)},
          {"kl_nats_mean", kl_nats_mean(windows, row)},
          {"kl_nats_max", row.kl_nats_max},
          {"same_routing_share", same_routing_share(report, row)}};
}

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.2f}", static_cast<double>(bytes) / 1e6);
}

/// A standard error, or a dash where a single window gives none.
std::string error_text(double standard_error, int digits) {
  return std::isfinite(standard_error) ? fmt::format("{:.{}f}", standard_error, digits) : "-";
}

std::string line(const PerplexityReport& report, const FormatRow& row) {
  const TokenWindows& windows = report.windows;
  const Estimate bits = bits_per_token(windows, row);
  const Estimate more = bits_more(windows, row, report.rows.front());
  std::string text = fmt::format("{:<13} {:>10} {:>9} {:>9} {:>9} {:>10.5f} {:>8} {:>11.5f}",
                                 std::string(expert_format_name(row.format)) + (row.stored ? " *" : ""),
                                 row.expert_bytes, megabytes(row.slab_bytes),
                                 megabytes(row.all_experts_bytes), megabytes(report.resident_bytes),
                                 bits.mean, error_text(bits.standard_error, 5), perplexity(windows, row));
  if (row.stored)
    return text + fmt::format(" {:>10} {:>9} {:>9} {:>10} {:>9} {:>9}\n", "-", "-", "-", "-", "-", "-");
  return text + fmt::format(" {:>+10.6f} {:>9} {:>9.3f} {:>10.7f} {:>9.4f} {:>9.3f}\n", more.mean,
                            error_text(more.standard_error, 6), 100 * same_top_share(windows, row),
                            kl_nats_mean(windows, row), row.kl_nats_max,
                            100 * same_routing_share(report, row));
}

}  // namespace

nlohmann::json perplexity_rows_json(const PerplexityReport& report) {
  nlohmann::json rows = nlohmann::json::array();
  for (const FormatRow& row : report.rows) rows.push_back(row_json(report, row));
  return rows;
}

std::string perplexity_rows_csv(const PerplexityReport& report) {
  std::string text;
  for (const nlohmann::json& row : perplexity_rows_json(report)) {
    std::string keys;
    std::string values;
    for (const auto& [key, value] : row.items()) {
      keys += (keys.empty() ? "" : ",") + key;
      values += values.empty() ? "" : ",";
      if (!value.is_null()) values += value.is_string() ? value.get<std::string>() : value.dump();
    }
    if (text.empty()) text = keys + "\n";
    text += values + "\n";
  }
  return text;
}

std::string perplexity_table(const PerplexityReport& report, const std::string& token) {
  std::string text = fmt::format(
      "{:<13} {:>10} {:>9} {:>9} {:>9} {:>10} {:>8} {:>11} {:>10} {:>9} {:>9} {:>10} {:>9} {:>9}\n"
      "{:<13} {:>10} {:>9} {:>9} {:>9} {:>10} {:>8} {:>11} {:>10} {:>9} {:>9} {:>10} {:>9} {:>9}\n",
      "experts", "an expert", "slabs", "all", "resident", "bits a", "+-", "perplexity", "bits more", "+-",
      "same top", "mean KLD", "max KLD", "routing", "", "bytes", "MB", "MB", "MB", token, "", "", "", "", "%",
      "nats", "nats", "% same");
  for (const FormatRow& row : report.rows) text += line(report, row);
  text += fmt::format(
      "* as the checkpoint stores them: what the other rows are compared with.\n"
      "slabs: the device memory of experts in this run; all: of a slab for every expert; resident: all other "
      "weights.\n"
      "bits more: than *, on the same text; +-: the standard error over {} windows, of differences window by "
      "window.\n"
      "same top: predictions whose most probable token is that of *. KLD: KL(* || row) of a prediction.\n"
      "routing: (token, layer) at which a router chose the same experts as in *.\n",
      report.windows.count);
  return text;
}

}  // namespace prophet
