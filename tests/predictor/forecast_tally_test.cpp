#include "predictor/forecast_tally.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

constexpr std::uint32_t experts = 24;
const std::vector<std::uint32_t> coverages{1, 5, experts};

struct Forecast {
  std::vector<NamedExpert> said;
  std::vector<std::uint8_t> is_wanted;
  std::size_t wanted = 0;
};

/// Probabilities of few values, so that there are ties, and among them 0 and 1.
Forecast random_forecast(Random& random) {
  Forecast drawn;
  drawn.is_wanted.assign(experts, 0);
  for (std::uint32_t e = 0; e < experts; ++e) {
    const auto probability = static_cast<float>(random.below(13)) / 12.0F;
    drawn.said.push_back({ExpertId{e}, probability, random.chance(0.4)});
    drawn.is_wanted[e] = random.chance(0.2) ? 1 : 0;
    drawn.wanted += drawn.is_wanted[e];
  }
  return drawn;
}

/// Place of an expert by its definition: how many stand before it.
std::size_t rank(const Forecast& forecast, std::size_t of) {
  std::size_t before = 0;
  for (std::size_t e = 0; e < forecast.said.size(); ++e) {
    const float p = forecast.said[e].probability;
    before += p > forecast.said[of].probability || (p == forecast.said[of].probability && e < of) ? 1U : 0U;
  }
  return before;
}

/// The counts written down from their definitions, expert by expert.
struct Naive {
  double wanted = 0, at_k = 0, at_2k = 0, wanted_absent = 0, squared = 0, all = 0;
  std::array<double, 3> recalled{}, absent{}, absent_wanted{};
  std::array<double, 10> said{}, came{};

  void add(const Forecast& forecast) {
    for (std::size_t e = 0; e < experts; ++e) {
      const NamedExpert& one = forecast.said[e];
      const double is_wanted = forecast.is_wanted[e];
      const std::size_t place = rank(forecast, e);
      wanted += is_wanted;
      at_k += place < forecast.wanted ? is_wanted : 0;
      at_2k += place < 2 * forecast.wanted ? is_wanted : 0;
      wanted_absent += one.resident ? 0 : is_wanted;
      for (std::size_t c = 0; c < coverages.size(); ++c) {
        if (place >= coverages[c]) continue;
        recalled[c] += is_wanted;
        absent[c] += one.resident ? 0 : 1;
        absent_wanted[c] += one.resident ? 0 : is_wanted;
      }
      const auto bin = std::min<std::size_t>(9, static_cast<std::size_t>(one.probability * 10.0F));
      said[bin] += static_cast<double>(one.probability);
      came[bin] += is_wanted;
      squared += std::pow(static_cast<double>(one.probability) - is_wanted, 2);
      all += 1;
    }
  }
  [[nodiscard]] double calibration_error() const {
    double error = 0;
    for (std::size_t b = 0; b < 10; ++b) error += std::abs(said[b] - came[b]);
    return error / all;
  }
};

void expect_same(const ForecastTally& tally, const Naive& naive) {
  EXPECT_DOUBLE_EQ(*tally.recall_at_k(), naive.at_k / naive.wanted);
  EXPECT_DOUBLE_EQ(*tally.recall_at_2k(), naive.at_2k / naive.wanted);
  EXPECT_DOUBLE_EQ(*tally.absent_share(), naive.wanted_absent / naive.wanted);
  EXPECT_NEAR(*tally.brier(), naive.squared / naive.all, 1e-12);
  EXPECT_NEAR(*tally.calibration_error(), naive.calibration_error(), 1e-12);
  for (std::size_t c = 0; c < coverages.size(); ++c) {
    EXPECT_DOUBLE_EQ(*tally.recall(c), naive.recalled[c] / naive.wanted);
    EXPECT_DOUBLE_EQ(*tally.absent_precision(c), naive.absent_wanted[c] / naive.absent[c]);
    EXPECT_DOUBLE_EQ(*tally.absent_recall(c), naive.absent_wanted[c] / naive.wanted_absent);
  }
}

TEST(ForecastTally, CountsWhatItsDefinitionsSay) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  ForecastTally tally(coverages);
  Naive naive;
  for (int n = 0; n < 300; ++n) {
    Forecast forecast = random_forecast(random);
    naive.add(forecast);
    tally.add(forecast.said, forecast.is_wanted, forecast.wanted);
  }
  EXPECT_EQ(tally.forecasts(), 300U);
  expect_same(tally, naive);
  EXPECT_EQ(tally.recall(2), 1.0) << "all experts are named";
}

TEST(ForecastTally, SumsAreThoseOfAllForecasts) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  ForecastTally first(coverages);
  ForecastTally second(coverages);
  Naive naive;
  for (int n = 0; n < 60; ++n) {
    Forecast forecast = random_forecast(random);
    naive.add(forecast);
    (n % 3 == 0 ? first : second).add(forecast.said, forecast.is_wanted, forecast.wanted);
  }
  first += second;
  expect_same(first, naive);
}

TEST(ForecastTally, OfNothingThereIsNoShare) {
  const ForecastTally tally(coverages);
  for (const auto& share :
       {tally.recall_at_k(), tally.recall_at_2k(), tally.recall(0), tally.absent_precision(0),
        tally.absent_recall(0), tally.absent_share(), tally.brier(), tally.calibration_error()}) {
    EXPECT_EQ(share, std::nullopt);
  }
}

TEST(ForecastTally, NamingOnlyWhatIsResidentPaysNothingAndIsNoZero) {
  ForecastTally tally(coverages);
  std::vector<NamedExpert> said;
  std::vector<std::uint8_t> is_wanted(experts, 0);
  for (std::uint32_t e = 0; e < experts; ++e) said.push_back({ExpertId{e}, e == 3 ? 0.9F : 0.1F, e == 3});
  is_wanted[3] = is_wanted[7] = 1;
  tally.add(said, is_wanted, 2);
  EXPECT_EQ(tally.absent_precision(0), std::nullopt);
  EXPECT_EQ(tally.absent_recall(0), 0.0);
  EXPECT_EQ(tally.absent_share(), 0.5);
}

}  // namespace
}  // namespace prophet::testing
