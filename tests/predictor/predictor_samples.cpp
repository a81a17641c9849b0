#include "tests/predictor/predictor_samples.hpp"

#include <cstdlib>
#include <iostream>
#include <numeric>
#include <random>
#include <utility>

namespace prophet::testing {

std::uint64_t announced_seed() {
  const char* const given = std::getenv("PROPHET_SEED");
  std::random_device device;
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::uint64_t{device()} << 32 | device();
  std::cout << "PROPHET_SEED=" << seed << '\n';
  return seed;
}

RoutingTrace trace_of(ExpertGrid grid, std::uint32_t top_k, const std::vector<std::uint32_t>& lengths,
                      const Choose& choose) {
  std::vector<SequenceInfo> sequences;
  std::vector<std::byte> ids;
  std::uint64_t row = 0;
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    sequences.push_back({row, lengths[s], 0, 0});
    row += lengths[s];
    for (std::uint32_t token = 0; token < lengths[s]; ++token) {
      for (std::uint32_t layer = 0; layer < grid.layers; ++layer) {
        for (const std::uint32_t e : choose(s, token, layer)) ids.push_back(static_cast<std::byte>(e));
      }
    }
  }
  return {TraceShape{grid, top_k, 0, 1}, {}, std::move(sequences), std::move(ids), {}};
}

std::vector<std::uint32_t> random_choice(Random& random, std::uint32_t experts, std::uint32_t top_k) {
  std::vector<std::uint32_t> all(experts);
  std::iota(all.begin(), all.end(), 0U);
  for (std::size_t i = 0; i < top_k; ++i) std::swap(all[i], all[i + random.below(experts - i)]);
  all.resize(top_k);
  return all;
}

RoutingTrace random_trace(Random& random, ExpertGrid grid, std::uint32_t top_k,
                          const std::vector<std::uint32_t>& lengths) {
  return trace_of(grid, top_k, lengths,
                  [&](auto, auto, auto) { return random_choice(random, grid.experts, top_k); });
}

std::unique_ptr<Predictor> predictor_of(std::string_view name, const RoutingTrace& trace,
                                        const std::vector<SequenceId>& training, std::uint32_t lanes) {
  PredictorOptions options;
  options.grid = trace.shape().grid;
  options.top_k = trace.shape().top_k;
  options.lanes = lanes;
  options.trace = &trace;
  options.training = training;
  return make_predictor(name, options);
}

void show(Predictor& predictor, LaneId lane, const RoutingTrace& trace, std::uint64_t row,
          std::uint32_t first_layer, std::uint32_t last_layer) {
  for (std::uint32_t layer = first_layer; layer <= last_layer; ++layer) {
    predictor.observe(lane, LayerId{layer}, chosen(trace, row, layer));
  }
}

std::vector<float> ask(Predictor& predictor, ExpertGrid grid, std::uint32_t made_at, std::uint32_t target) {
  std::vector<float> probability(grid.experts, -1.0F);
  if (!predictor.forecast(LayerId{made_at}, LayerId{target}, probability)) return {};
  return probability;
}

std::vector<ExpertId> chosen(const RoutingTrace& trace, std::uint64_t row, std::uint32_t layer) {
  std::vector<ExpertId> experts(trace.shape().top_k);
  for (std::uint32_t rank = 0; rank < experts.size(); ++rank) {
    experts[rank] = trace.expert(row, LayerId{layer}, rank);
  }
  return experts;
}

}  // namespace prophet::testing
