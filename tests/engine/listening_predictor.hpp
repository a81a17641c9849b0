#pragma once

#include <span>
#include <vector>

#include "predictor/predictor.hpp"

namespace prophet::engine_test {

/// Passes everything on, and keeps each forecast that the engine was given.
class ListeningPredictor final : public Predictor {
 public:
  explicit ListeningPredictor(Predictor& inner) : inner_(inner) {}

  [[nodiscard]] std::string_view name() const noexcept override { return inner_.name(); }
  void start_lane(LaneId lane) override { inner_.start_lane(lane); }
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) override {
    inner_.observe(lane, layer, experts);
  }
  void prepare(LayerId made_at, LayerId target) override {
    ++prepared;
    inner_.prepare(made_at, target);
  }
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override {
    if (!inner_.forecast(made_at, target, probability)) return false;
    heard.emplace_back(probability.begin(), probability.end());
    return true;
  }

  std::vector<std::vector<float>> heard;
  std::uint64_t prepared = 0;

 private:
  Predictor& inner_;
};

}  // namespace prophet::engine_test
