#include "predictor/mlp/mlp_predictor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernels/predictor_value.hpp"
#include "predictor/layer_distance.hpp"
#include "predictor/mlp/ahead_choices.hpp"
#include "prophet/error.hpp"

namespace prophet {

MlpPredictor::MlpPredictor(std::shared_ptr<const MlpModel> model, const MlpOptions& options)
    : model_(std::move(model)),
      history_(model_->shape.grid, model_->shape.top_k, options.lanes, model_->shape.groups,
               model_->shape.lookahead_layers),
      nets_(options.device == nullptr
                ? nullptr
                : std::make_unique<DeviceNets>(*options.device, *model_, options.lanes)),
      on_host_(options.device == nullptr || !options.device->info().has_bytes),
      told_(options.device == nullptr ? options.told : nullptr),
      adapt_rate_(options.adapt_rate),
      ids_(model_->shape.groups.size() * options.lanes * model_->shape.ids_per_group),
      logits_(std::size_t{options.lanes} * kernels::predictor_row_values(model_->shape.grid.experts)),
      chances_(model_->shape.grid.experts),
      any_lane_(model_->shape.grid.experts),
      ahead_layers_(options.ahead_layers),
      order_(model_->shape.grid.experts),
      ranked_(history_.ahead_ranks()) {
  last_layer_.assign(options.lanes, model_->shape.grid.layers);
  lanes_.reserve(options.lanes);
  if (adapt_rate_ == 0) return;
  const MlpShape& shape = model_->shape;
  biases_.resize(shape.nets() * shape.grid.experts);
  has_said_.resize(shape.nets() * options.lanes);
  said_.resize(has_said_.size() * shape.grid.experts);
}

std::uint64_t MlpPredictor::device_bytes() const noexcept {
  return nets_ == nullptr ? 0 : nets_->device_bytes();
}

void MlpPredictor::start_lane(LaneId lane) {
  history_.forget(lane);
  last_layer_[lane.index()] = model_->shape.grid.layers;
  is_gathered_ = false;
  for (std::size_t net = 0; net < has_said_.size() / history_.lanes(); ++net)
    has_said_[said_at(net, lane)] = 0;
}

void MlpPredictor::observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) {
  history_.add(lane, layer, experts);
  last_layer_[lane.index()] = layer.value;
  is_gathered_ = false;
  if (adapt_rate_ != 0) correct(lane, layer, experts);
}

void MlpPredictor::observe_ahead(LaneId lane, LayerId made_at, LayerId target,
                                 std::span<const float> logits) {
  if (ranked_.empty() || target <= made_at) return;
  first_choices(logits, order_, ranked_);
  history_.add_ahead(lane, made_at, target.value - made_at.value, ranked_);
}

/// The outputs' biases go towards what came, by what was forecast of it.
void MlpPredictor::correct(LaneId lane, LayerId layer, std::span<const ExpertId> experts) {
  const std::size_t width = chances_.size();
  for (std::uint32_t ahead = 1; ahead <= model_->shape.lookahead_layers; ++ahead) {
    const std::size_t net = mlp_net(model_->shape, layer, ahead);
    if (std::exchange(has_said_[said_at(net, lane)], std::uint8_t{0}) == 0) continue;
    float* const bias = biases_.data() + net * width;
    const float* const said = said_.data() + said_at(net, lane) * width;
    for (std::size_t e = 0; e < width; ++e) bias[e] -= adapt_rate_ * said[e];
    for (const ExpertId expert : experts) bias[expert.index()] += adapt_rate_;
  }
}

bool MlpPredictor::gather(LayerId layer) {
  if (is_gathered_ && gathered_at_ == layer) return !lanes_.empty();
  lanes_.clear();
  for (std::uint32_t lane = 0; lane < last_layer_.size(); ++lane) {
    if (last_layer_[lane] == layer.value) lanes_.emplace_back(lane);
  }
  gathered_at_ = layer;
  is_gathered_ = true;
  if (nets_ != nullptr) nets_->begin();
  return !lanes_.empty();
}

void MlpPredictor::write_input(LayerId target, std::uint32_t lookahead, std::span<std::uint32_t> ids) const {
  const MlpShape& shape = model_->shape;
  std::size_t at = 0;
  for (const InputGroup& group : shape.groups) {
    for (const LaneId lane : lanes_) {
      history_.write(lane, group, target, lookahead, ids.subspan(at, shape.ids_per_group));
      at += shape.ids_per_group;
    }
  }
}

void MlpPredictor::prepare(LayerId made_at, LayerId target) {
  const std::uint32_t lookahead = layer_distance(made_at, target, model_->shape.grid.layers);
  if (nets_ == nullptr || lookahead > model_->shape.lookahead_layers || !gather(made_at)) return;
  start(target, lookahead);
}

void MlpPredictor::start(LayerId target, std::uint32_t lookahead) {
  if (nets_->started(lookahead)) return;
  const auto lanes = static_cast<std::uint32_t>(lanes_.size());
  if (const auto ids = nets_->input(lookahead, lanes); !ids.empty()) write_input(target, lookahead, ids);
  nets_->start(mlp_net(model_->shape, target, lookahead), lookahead, lanes);
}

/// [lanes, predictor_row_values(experts)]
std::span<const float> MlpPredictor::logits(LayerId target, std::uint32_t lookahead) {
  if (nets_ == nullptr) return logits_of_host(target, lookahead);
  start(target, lookahead);
  const auto there = nets_->logits(lookahead, static_cast<std::uint32_t>(lanes_.size()));
  return on_host_ ? logits_of_host(target, lookahead) : there;
}

std::span<const float> MlpPredictor::logits_of_host(LayerId target, std::uint32_t lookahead) {
  const MlpShape& shape = model_->shape;
  const auto lanes = static_cast<std::uint32_t>(lanes_.size());
  write_input(target, lookahead, ids_);
  kernels::PredictorInput input;
  input.recent = ids_.data();
  input.previous = ids_.data() + (shape.groups.size() - 1) * lanes * shape.ids_per_group;
  input.lanes = lanes;
  input.top_k = shape.ids_per_group;
  const std::span<float> here =
      std::span(logits_).first(std::size_t{lanes} * kernels::predictor_row_values(shape.grid.experts));
  const kernels::Status status =
      kernels::predictor_logits(mlp_weights(*model_, mlp_net(shape, target, lookahead)), input, here);
  if (status != kernels::Status::ok) {
    throw Error(ErrorCode::check_failed,
                fmt::format("predictor mlp: the kernel refuses {}", kernels::status_name(status)));
  }
  if (told_ != nullptr) told_->host_computed(work_of_host());
  return here;
}

HostWork MlpPredictor::work_of_host() const {
  const MlpShape& shape = model_->shape;
  const auto inputs = std::span(ids_).first(shape.groups.size() * lanes_.size() * shape.ids_per_group);
  const auto added = static_cast<std::uint64_t>(
      std::count_if(inputs.begin(), inputs.end(), [&](std::uint32_t id) { return id < shape.grid.experts; }));
  const std::uint64_t experts = shape.grid.experts;
  return {(added + experts) * shape.hidden * sizeof(std::uint16_t),
          (added + 2 * lanes_.size() * experts) * shape.hidden};
}

bool MlpPredictor::forecast(LayerId made_at, LayerId target, std::span<float> probability) {
  const MlpShape& shape = model_->shape;
  const std::uint32_t lookahead = layer_distance(made_at, target, shape.grid.layers);
  if (lookahead > shape.lookahead_layers || !gather(made_at)) return false;
  const std::span<const float> found = logits(target, lookahead);
  const std::size_t row_values = kernels::predictor_row_values(shape.grid.experts);
  const std::size_t net = mlp_net(shape, target, lookahead);
  any_lane_.clear();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    say(net, lanes_[i], found.subspan(i * row_values, chances_.size()));
    any_lane_.add(chances_);
  }
  any_lane_.write(probability);
  return true;
}

/// Fills chances_, and remembers them where they are judged by what comes.
void MlpPredictor::say(std::size_t net, LaneId lane, std::span<const float> logits) {
  const std::size_t width = chances_.size();
  for (std::size_t e = 0; e < width; ++e) {
    const float bias = biases_.empty() ? 0.0F : biases_[net * width + e];
    chances_[e] = kernels::predictor_chance(logits[e] + bias);
  }
  if (biases_.empty()) return;
  const std::size_t at = said_at(net, lane);
  std::copy(chances_.begin(), chances_.end(), said_.begin() + static_cast<std::ptrdiff_t>(at * width));
  has_said_[at] = 1;
}

}  // namespace prophet
