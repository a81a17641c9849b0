#include "runtime/engine/live/perplexity_report.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace prophet {
namespace {

double share(std::uint64_t part, std::uint64_t whole) noexcept {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

double bits_of_window(const TokenWindows& windows, double nats) noexcept {
  return nats / static_cast<double>(windows.predicted_per_window()) / std::numbers::ln2;
}

}  // namespace

TokenWindows cut_windows(std::uint64_t text_tokens, std::uint32_t window_tokens) noexcept {
  TokenWindows windows;
  windows.tokens = static_cast<std::uint32_t>(std::min<std::uint64_t>(text_tokens, window_tokens));
  windows.count = text_tokens / windows.tokens;
  windows.left_over = text_tokens % windows.tokens;
  return windows;
}

Estimate estimate(std::span<const double> values) noexcept {
  const auto count = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += value;
  Estimate result;
  result.mean = sum / count;
  if (values.size() < 2) return result;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.standard_error = std::sqrt(squares / (count - 1) / count);
  return result;
}

Estimate bits_per_token(const TokenWindows& windows, const FormatRow& row) {
  std::vector<double> bits;
  for (const double nats : row.window_nats) bits.push_back(bits_of_window(windows, nats));
  return estimate(bits);
}

Estimate bits_more(const TokenWindows& windows, const FormatRow& row, const FormatRow& stored) {
  std::vector<double> bits;
  for (std::size_t w = 0; w < row.window_nats.size(); ++w)
    bits.push_back(bits_of_window(windows, row.window_nats[w] - stored.window_nats[w]));
  return estimate(bits);
}

double perplexity(const TokenWindows& windows, const FormatRow& row) {
  return std::exp2(bits_per_token(windows, row).mean);
}

double kl_nats_mean(const TokenWindows& windows, const FormatRow& row) noexcept {
  return row.kl_nats / static_cast<double>(windows.predicted());
}

double same_top_share(const TokenWindows& windows, const FormatRow& row) noexcept {
  return share(row.same_top, windows.predicted());
}

double same_routing_share(const PerplexityReport& report, const FormatRow& row) noexcept {
  return share(row.same_routing, report.windows.run() * report.layers);
}

}  // namespace prophet
