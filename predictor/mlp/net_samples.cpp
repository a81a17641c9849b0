#include "predictor/mlp/net_samples.hpp"

#include "predictor/mlp/lane_history.hpp"

namespace prophet {
namespace {

void add_sample(const MlpShape& shape, const LaneHistory& history, LayerId target, std::uint32_t lookahead,
                std::span<const ExpertId> came, std::span<std::uint32_t> ids, NetSamples& samples) {
  const std::size_t before = samples.rows.size();
  for (std::size_t g = 0; g < shape.groups.size(); ++g) {
    history.write(LaneId{0}, shape.groups[g], target, lookahead, ids);
    for (const std::uint32_t id : ids) {
      if (id < shape.grid.experts)
        samples.rows.push_back(static_cast<std::uint16_t>(g * shape.grid.experts + id));
    }
  }
  if (samples.rows.size() == before) return;
  samples.first.push_back(samples.rows.size());
  for (const ExpertId expert : came) samples.came.push_back(static_cast<std::uint16_t>(expert.value));
}

}  // namespace

std::vector<NetSamples> net_samples(const MlpShape& shape, LayerId target, const TrainingSet& training,
                                    std::span<const TrainingSequence> sequences) {
  std::vector<NetSamples> samples(shape.lookahead_layers);
  LaneHistory history(shape.grid, shape.top_k, 1, shape.groups, shape.lookahead_layers);
  const AheadChoices* const routers = history.ahead_ranks() == 0 ? nullptr : training.ahead();
  std::vector<ExpertId> chosen(shape.top_k);
  std::vector<std::uint32_t> ids(shape.ids_per_group);
  for (const TrainingSequence& sequence : sequences) {
    history.forget(LaneId{0});
    for (std::uint64_t row = sequence.first_row; row < sequence.first_row + sequence.tokens; ++row) {
      for (std::uint32_t l = 0; l < shape.grid.layers; ++l) {
        training.choices(row, LayerId{l}, chosen);
        // Groups reach back from the forecast: that the layers between are known by now changes nothing.
        for (std::uint32_t ahead = 1; l == target.value && ahead <= shape.lookahead_layers; ++ahead)
          add_sample(shape, history, target, ahead, chosen, ids, samples[ahead - 1]);
        history.add(LaneId{0}, LayerId{l}, chosen);
        for (std::uint32_t ahead = 1; routers != nullptr && ahead <= routers->lookahead_layers; ++ahead)
          history.add_ahead(LaneId{0}, LayerId{l}, ahead, routers->of(row, LayerId{l}, ahead));
      }
    }
  }
  return samples;
}

}  // namespace prophet
