#include "bench/dedup/fit_dedup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bench/analytic/expert_demand.hpp"
#include "bench/dedup/sequence_rows.hpp"
#include "bench/dedup/unique_experts.hpp"
#include "prophet/error.hpp"

namespace prophet {
namespace {

using Points = std::vector<analytic::UniqueAt>;

/// Of rows of doubles, 2 GiB: traces with more are sliced.
constexpr std::uint64_t row_values_max = 1ULL << 28;

struct Exponents {
  std::vector<double> given_scale;  ///< a value a resample
  std::vector<double> free;
};

/// Counts once, and turns means of its rows into tables.
class Counted {
 public:
  Counted(const RoutingTrace& trace, std::span<const SequenceInfo> sequences, const DedupOptions& options)
      : grid_(trace.shape().grid),
        options_(&options),
        rows_(options.batch_of == BatchOf::one_sequence ? window_uniques(trace, sequences, options.batches)
                                                        : expert_shares(trace, sequences)) {}

  [[nodiscard]] const SequenceRows& rows() const noexcept { return rows_; }
  [[nodiscard]] UniqueExpertsTable measured() const {
    if (options_->batch_of == BatchOf::one_sequence) return {options_->batches.size(), rows_.mean()};
    return unique_of_different_sequences(rows_, grid_, options_->batches);
  }
  [[nodiscard]] UniqueExpertsTable of_resample(std::span<const double> mean) const {
    if (options_->batch_of == BatchOf::one_sequence)
      return {options_->batches.size(), std::vector<double>(mean.begin(), mean.end())};
    return unique_by_popularity(mean, grid_, options_->batches);
  }

 private:
  ExpertGrid grid_;
  const DedupOptions* options_;
  SequenceRows rows_;
};

/// How many batches take part in the fit, from the first on.
std::size_t fitted_batches(const Points& measured, const ExpertGrid& grid, const DedupOptions& options) {
  const std::size_t fitted = analytic::below_saturation(measured, grid.experts, options.saturation).size();
  if (fitted >= 2) return fitted;
  throw Error(ErrorCode::usage,
              fmt::format("--batch: {} of {} batches choose{} at most {:g} of the {} experts of a layer, "
                          "expected two or more (smaller ones, or a larger --saturation)",
                          fitted, measured.size(), fitted == 1 ? "s" : "", options.saturation, grid.experts));
}

Points points_of_layer(const UniqueExpertsTable& table, std::size_t layer,
                       std::span<const std::uint32_t> batches) {
  Points points;
  for (std::size_t b = 0; b < batches.size(); ++b) points.push_back({batches[b], table.at(layer, b)});
  return points;
}

Points points_of_all(const UniqueExpertsTable& table, std::span<const std::uint32_t> batches) {
  Points points;
  for (std::size_t b = 0; b < batches.size(); ++b) points.push_back({batches[b], table.mean(b)});
  return points;
}

Points points_of_uniform(const TraceShape& shape, std::span<const std::uint32_t> batches) {
  Points points;
  for (const std::uint32_t batch : batches)
    points.push_back({batch, analytic::unique_uniform(shape.grid.experts, shape.top_k, batch)});
  return points;
}

std::span<const analytic::UniqueAt> first(const Points& points, std::size_t count) {
  return std::span(points).first(count);
}

/// All of a fit but its intervals, from the points that it holds.
void fit_points(DedupFit& fit, const TraceShape& shape, std::size_t fitted, double tolerance) {
  const auto measured = first(fit.measured, fitted);
  const std::uint32_t experts = shape.grid.experts;
  fit.law = analytic::fit_exponent(measured, shape.top_k);
  fit.free_law = analytic::fit_power_law(measured);
  fit.uniform_law = analytic::fit_exponent(first(fit.uniform, fitted), shape.top_k);
  fit.popularity_law = analytic::fit_exponent(first(fit.popularity, fitted), shape.top_k);
  const analytic::PowerLaw study{static_cast<double>(shape.top_k), analytic::study_exponent, 0};
  fit.study_r_squared = analytic::r_squared_of(measured, study.scale, study.exponent);
  fit.departure = analytic::departure_of(fit.measured, experts, fit.law, tolerance);
  fit.free_departure = analytic::departure_of(fit.measured, experts, fit.free_law, tolerance);
  fit.study_departure = analytic::departure_of(fit.measured, experts, study, tolerance);
}

void add_exponents(Exponents& exponents, const Points& points, std::uint32_t top_k, std::size_t fitted) {
  exponents.given_scale.push_back(analytic::fit_exponent(first(points, fitted), top_k).exponent);
  exponents.free.push_back(analytic::fit_power_law(first(points, fitted)).exponent);
}

void set_intervals(DedupFit& fit, Exponents exponents) {
  fit.exponent = interval_around(fit.law.exponent, std::move(exponents.given_scale));
  fit.free_exponent = interval_around(fit.free_law.exponent, std::move(exponents.free));
}

void bootstrap(DedupReport& report, const Counted& counted, const DedupOptions& options) {
  const std::size_t fitted = report.fitted.size();
  const std::uint32_t top_k = report.shape.top_k;
  Exponents all;
  std::vector<Exponents> layers(report.layers.size());
  for_each_resample(counted.rows(), options.resamples, options.seed, [&](std::span<const double> mean) {
    const UniqueExpertsTable table = counted.of_resample(mean);
    add_exponents(all, points_of_all(table, options.batches), top_k, fitted);
    for (std::size_t layer = 0; layer < layers.size(); ++layer)
      add_exponents(layers[layer], points_of_layer(table, layer, options.batches), top_k, fitted);
  });
  set_intervals(report.all, std::move(all));
  for (std::size_t layer = 0; layer < layers.size(); ++layer)
    set_intervals(report.layers[layer], std::move(layers[layer]));
}

std::vector<SequenceInfo> sequences_to_measure(const RoutingTrace& trace, std::span<const SequenceId> test,
                                               const DedupOptions& options) {
  const std::uint32_t largest = options.batches.back();
  std::vector<SequenceInfo> sequences = with_decode_tokens(trace, test, 1);
  if (sequences.empty()) {
    throw Error(ErrorCode::bad_input, fmt::format("none of the {} sequences to measure has a decode token: "
                                                  "expected tokens behind those of the prompts",
                                                  test.size()));
  }
  if (options.batch_of == BatchOf::one_sequence) {
    sequences = with_decode_tokens(trace, test, largest);
    if (sequences.empty())
      throw Error(ErrorCode::usage, fmt::format("--batch {}: no sequence to measure has as many decode "
                                                "tokens, expected at most what the longest has",
                                                largest));
  } else if (sequences.size() < largest) {
    throw Error(ErrorCode::usage,
                fmt::format("--batch {}: a batch takes a token of each of as many sequences, "
                            "expected at most {}, the sequences to measure",
                            largest, sequences.size()));
  }
  if (sequences.size() < 2)
    throw Error(ErrorCode::bad_input,
                "one sequence to measure: expected two or more, between which an "
                "interval can be drawn");
  return sequences;
}

std::vector<double> learn_popularity(const RoutingTrace& trace, std::span<const SequenceInfo> sequences) {
  if (sequences.empty())
    throw Error(ErrorCode::usage,
                "no sequence to learn the popularity of experts from: expected a larger "
                "--train-fraction, or a --train-trace with decode tokens");
  return expert_shares(trace, sequences).mean();
}

void check_size(std::uint64_t sequences, const ExpertGrid& grid) {
  if (sequences * grid.size() <= row_values_max) return;
  throw Error(ErrorCode::bad_input,
              fmt::format("{} sequences x {} experts: expected at most {} of their product; prophet trace "
                          "slice makes a smaller trace",
                          sequences, grid.size(), row_values_max));
}

}  // namespace

DedupReport fit_dedup(const RoutingTrace& trace, std::span<const SequenceId> test,
                      std::span<const SequenceId> train, const DedupOptions& options) {
  const std::span<const std::uint32_t> batches = options.batches;
  DedupReport report;
  report.shape = trace.shape();
  const auto sequences = sequences_to_measure(trace, test, options);
  const auto learned = with_decode_tokens(trace, train, 1);
  check_size(std::max(sequences.size(), learned.size()), report.shape.grid);
  report.sequences = static_cast<std::uint32_t>(sequences.size());
  report.left_out = static_cast<std::uint32_t>(test.size() - sequences.size());
  report.learned = static_cast<std::uint32_t>(learned.size());

  const UniqueExpertsTable popularity =
      unique_by_popularity(learn_popularity(trace, learned), report.shape.grid, batches);
  const Counted counted(trace, sequences, options);
  const UniqueExpertsTable measured = counted.measured();
  report.all.measured = points_of_all(measured, batches);
  report.all.uniform = points_of_uniform(report.shape, batches);
  report.all.popularity = points_of_all(popularity, batches);
  const std::size_t fitted = fitted_batches(report.all.measured, report.shape.grid, options);
  report.fitted.assign(batches.begin(), batches.begin() + static_cast<std::ptrdiff_t>(fitted));
  fit_points(report.all, report.shape, fitted, options.tolerance);
  for (std::uint32_t layer = 0; layer < report.shape.grid.layers; ++layer) {
    DedupFit fit;
    fit.measured = points_of_layer(measured, layer, batches);
    fit.uniform = report.all.uniform;
    fit.popularity = points_of_layer(popularity, layer, batches);
    fit_points(fit, report.shape, fitted, options.tolerance);
    report.layers.push_back(std::move(fit));
  }
  bootstrap(report, counted, options);
  return report;
}

std::vector<std::uint32_t> measurable_batches(const RoutingTrace& trace, std::span<const SequenceId> test,
                                              BatchOf batch_of, std::span<const std::uint32_t> batches) {
  const std::size_t sequences = with_decode_tokens(trace, test, 1).size();
  std::vector<std::uint32_t> measurable;
  for (const std::uint32_t batch : batches) {
    const bool fits = batch_of == BatchOf::one_sequence ? with_decode_tokens(trace, test, batch).size() >= 2
                                                        : sequences >= batch;
    if (fits) measurable.push_back(batch);
  }
  return measurable;
}

}  // namespace prophet
