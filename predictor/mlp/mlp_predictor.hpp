#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "predictor/any_lane.hpp"
#include "predictor/mlp/device_nets.hpp"
#include "predictor/mlp/lane_history.hpp"
#include "predictor/mlp/mlp_model.hpp"
#include "predictor/predictor.hpp"

namespace prophet {

/// How fast biases follow, where they do: about 200 forecasts move one all the way.
inline constexpr float mlp_adapt_rate = 0.005F;

struct MlpOptions {
  std::uint32_t lanes = 1;
  /// Where the nets run; null: on the host. The outputs are the same, and those of a device that moves no
  /// bytes are the host's.
  Device* device = nullptr;
  /// How far a bias of each output moves towards what came, for each forecast that is made; 0: not at all.
  float adapt_rate = 0;
  /// Where the nets run on the host: the device that the host works for, told of each net's work; may be
  /// null.
  Device* told = nullptr;
  /// Routers are asked for so many layers ahead at most, where nets have learned to hear them.
  std::uint32_t ahead_layers = mlp_lookahead_max;
};

/// Forecasts by learned nets, up to model.shape.lookahead_layers ahead, for the lanes that were last observed
/// at the layer where the forecast is made. Nets that have learned to hear routers applied ahead make their
/// forecasts of the rest where nobody applies any, in the first step behind a prompt say.
class MlpPredictor final : public Predictor {
 public:
  MlpPredictor(std::shared_ptr<const MlpModel> model, const MlpOptions& options);

  [[nodiscard]] std::string_view name() const noexcept override { return "mlp"; }
  void start_lane(LaneId lane) override;
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) override;
  [[nodiscard]] std::uint32_t wants_ahead() const noexcept override {
    return ranked_.empty() ? 0 : std::min(ahead_layers_, model_->shape.lookahead_layers);
  }
  void observe_ahead(LaneId lane, LayerId made_at, LayerId target, std::span<const float> logits) override;
  void prepare(LayerId made_at, LayerId target) override;
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override;
  [[nodiscard]] std::uint64_t device_bytes() const noexcept override;

 private:
  /// Those that were last observed at `layer`, into lanes_; false if there are none.
  bool gather(LayerId layer);
  /// Writes the input of one net for these lanes, [groups, lanes, ids].
  void write_input(LayerId target, std::uint32_t lookahead, std::span<std::uint32_t> ids) const;
  /// Starts a forecast on the device, unless that has been done.
  void start(LayerId target, std::uint32_t lookahead);
  [[nodiscard]] std::span<const float> logits(LayerId target, std::uint32_t lookahead);
  [[nodiscard]] std::span<const float> logits_of_host(LayerId target, std::uint32_t lookahead);
  /// Of one net for lanes_, whose input is in ids_: rows of w1 that are named, and w2.
  [[nodiscard]] HostWork work_of_host() const;
  void say(std::size_t net, LaneId lane, std::span<const float> logits);
  void correct(LaneId lane, LayerId layer, std::span<const ExpertId> experts);
  [[nodiscard]] std::size_t said_at(std::size_t net, LaneId lane) const noexcept {
    return net * history_.lanes() + lane.index();
  }

  std::shared_ptr<const MlpModel> model_;
  LaneHistory history_;
  std::unique_ptr<DeviceNets> nets_;  ///< null: there is no device
  bool on_host_;                      ///< the outputs are the host's
  Device* told_;                      ///< null: nobody
  float adapt_rate_;
  std::vector<std::uint32_t> last_layer_;  ///< [lanes] last observed; grid.layers: none since the start
  std::vector<LaneId> lanes_;              ///< as gathered at
  LayerId gathered_at_;
  bool is_gathered_ = false;
  std::vector<std::uint32_t> ids_;  ///< [groups, lanes, ids]
  std::vector<float> logits_;       ///< [lanes, predictor_row_values(experts)]
  std::vector<float> chances_;      ///< [experts]
  AnyLane any_lane_;
  std::uint32_t ahead_layers_;
  std::vector<std::uint16_t> order_;    ///< [experts]
  std::vector<std::uint16_t> ranked_;   ///< [ranks of a router applied ahead]
  std::vector<float> biases_;           ///< [nets, experts]; empty where nothing adapts
  std::vector<float> said_;             ///< [nets, lanes, experts] chances of the last forecast
  std::vector<std::uint8_t> has_said_;  ///< [nets, lanes]
};

}  // namespace prophet
