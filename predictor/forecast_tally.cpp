#include "predictor/forecast_tally.hpp"

#include <algorithm>
#include <cmath>

namespace prophet {
namespace {

std::optional<double> share(double part, std::uint64_t whole) noexcept {
  if (whole == 0) return std::nullopt;
  return part / static_cast<double>(whole);
}

std::optional<double> share(std::uint64_t part, std::uint64_t whole) noexcept {
  return share(static_cast<double>(part), whole);
}

}  // namespace

ReliabilityBin& ReliabilityBin::operator+=(const ReliabilityBin& more) noexcept {
  count += more.count;
  came_true += more.came_true;
  said += more.said;
  return *this;
}

ForecastTally::ForecastTally(std::span<const std::uint32_t> coverages)
    : named_(coverages.begin(), coverages.end()), coverage_(coverages.size()) {}

void ForecastTally::add(std::span<NamedExpert> forecast, std::span<const std::uint8_t> is_wanted,
                        std::size_t wanted) {
  add_probabilities(forecast, is_wanted);
  std::size_t in_order = 2 * wanted;
  for (const std::uint32_t named : named_) {
    if (named < forecast.size()) in_order = std::max<std::size_t>(in_order, named);
  }
  rank_most_probable(forecast, in_order);
  ++forecasts_;
  at_k_ += count_at_k(forecast, is_wanted, wanted);
  wanted_absent_ += count_named(forecast, is_wanted).absent_wanted;
  for (std::size_t c = 0; c < named_.size(); ++c) {
    const std::size_t named = std::min<std::size_t>(named_[c], forecast.size());
    coverage_[c] += count_named(forecast.first(named), is_wanted);
  }
}

void ForecastTally::add_probabilities(std::span<const NamedExpert> forecast,
                                      std::span<const std::uint8_t> is_wanted) {
  for (const NamedExpert& one : forecast) {
    const auto came = static_cast<double>(is_wanted[one.expert.index()]);
    const auto said = static_cast<double>(one.probability);
    const auto tenth = static_cast<std::size_t>(std::clamp(one.probability, 0.0F, 1.0F) * float{bins});
    reliability_[std::min(bins - 1, tenth)] += {1, is_wanted[one.expert.index()], said};
    squared_error_ += (said - came) * (said - came);
  }
  probabilities_ += forecast.size();
}

ForecastTally& ForecastTally::operator+=(const ForecastTally& more) noexcept {
  for (std::size_t c = 0; c < coverage_.size(); ++c) coverage_[c] += more.coverage_[c];
  for (std::size_t b = 0; b < bins; ++b) reliability_[b] += more.reliability_[b];
  at_k_ += more.at_k_;
  forecasts_ += more.forecasts_;
  wanted_absent_ += more.wanted_absent_;
  probabilities_ += more.probabilities_;
  squared_error_ += more.squared_error_;
  return *this;
}

std::optional<double> ForecastTally::recall_at_k() const noexcept {
  return share(at_k_.recalled_at_k, at_k_.wanted);
}

std::optional<double> ForecastTally::recall_at_2k() const noexcept {
  return share(at_k_.recalled_at_2k, at_k_.wanted);
}

std::optional<double> ForecastTally::recall(std::size_t c) const noexcept {
  return share(coverage_[c].wanted, at_k_.wanted);
}

std::optional<double> ForecastTally::absent_precision(std::size_t c) const noexcept {
  return share(coverage_[c].absent_wanted, coverage_[c].absent);
}

std::optional<double> ForecastTally::absent_recall(std::size_t c) const noexcept {
  return share(coverage_[c].absent_wanted, wanted_absent_);
}

std::optional<double> ForecastTally::absent_share() const noexcept {
  return share(wanted_absent_, at_k_.wanted);
}

std::optional<double> ForecastTally::brier() const noexcept {
  return share(squared_error_, probabilities_);
}

std::optional<double> ForecastTally::calibration_error() const noexcept {
  double error = 0;
  for (const ReliabilityBin& bin : reliability_)
    error += std::abs(bin.said - static_cast<double>(bin.came_true));
  return share(error, probabilities_);
}

}  // namespace prophet
