#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "predictor/forecast_counts.hpp"

namespace prophet {

/// Forecasts whose probability lies in one tenth of [0, 1], and how many of them came true.
struct ReliabilityBin {
  std::uint64_t count = 0;
  std::uint64_t came_true = 0;
  double said = 0;  ///< sum of the probabilities

  ReliabilityBin& operator+=(const ReliabilityBin& more) noexcept;
};

/// Keeps score of forecasts of one kind: how many of the wanted experts they name, whether what they name
/// pays, and whether their probabilities are frequencies. Shares are none where nothing was counted.
/// Allocates in its constructor only.
class ForecastTally {
 public:
  static constexpr std::size_t bins = 10;

  /// `coverages`: how many experts of a layer are named, several choices, ascending; more than the layer has
  /// are all it has.
  explicit ForecastTally(std::span<const std::uint32_t> coverages);

  /// One forecast [experts] of a layer and what the layer wanted of it: is_wanted [experts] has `wanted`
  /// ones. Reorders the experts.
  void add(std::span<NamedExpert> forecast, std::span<const std::uint8_t> is_wanted, std::size_t wanted);
  /// REQUIRES: the same coverages.
  ForecastTally& operator+=(const ForecastTally& more) noexcept;

  [[nodiscard]] std::uint64_t forecasts() const noexcept { return forecasts_; }
  [[nodiscard]] const ForecastCounts& at_k() const noexcept { return at_k_; }
  /// Of the experts wanted, how many were not resident when they were forecast.
  [[nodiscard]] std::uint64_t wanted_absent() const noexcept { return wanted_absent_; }
  [[nodiscard]] std::span<const NamedCounts> coverage() const noexcept { return coverage_; }
  [[nodiscard]] std::span<const ReliabilityBin> reliability() const noexcept { return reliability_; }

  [[nodiscard]] std::optional<double> recall_at_k() const noexcept;
  [[nodiscard]] std::optional<double> recall_at_2k() const noexcept;
  /// Of the experts wanted, the share that coverage()[c] names.
  [[nodiscard]] std::optional<double> recall(std::size_t c) const noexcept;
  /// Of the absent experts that coverage()[c] names, the share that was wanted: copies that pay.
  [[nodiscard]] std::optional<double> absent_precision(std::size_t c) const noexcept;
  /// Of the absent experts that were wanted, the share that coverage()[c] names.
  [[nodiscard]] std::optional<double> absent_recall(std::size_t c) const noexcept;
  /// Of the experts wanted, the share that was absent.
  [[nodiscard]] std::optional<double> absent_share() const noexcept;
  /// Mean squared distance of a probability from what came, 1 or 0, over all experts of all forecasts.
  [[nodiscard]] std::optional<double> brier() const noexcept;
  /// Mean distance of a bin's mean probability from the share that came true, bins weighed by their count:
  /// the expected calibration error (Naeini, Cooper, Hauskrecht 2015).
  [[nodiscard]] std::optional<double> calibration_error() const noexcept;

 private:
  void add_probabilities(std::span<const NamedExpert> forecast, std::span<const std::uint8_t> is_wanted);

  std::vector<std::uint32_t> named_;  ///< [coverages]
  std::vector<NamedCounts> coverage_;
  ForecastCounts at_k_;
  std::array<ReliabilityBin, bins> reliability_{};
  std::uint64_t forecasts_ = 0;
  std::uint64_t wanted_absent_ = 0;
  std::uint64_t probabilities_ = 0;
  double squared_error_ = 0;
};

}  // namespace prophet
