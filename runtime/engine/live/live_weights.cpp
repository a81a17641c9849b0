#include "runtime/engine/live/live_weights.hpp"

#include <utility>

namespace prophet {

LiveWeights::LiveWeights(Device& device, const std::filesystem::path& folder,
                         std::optional<kernels::ExpertFormat> format)
    : LiveWeights(device, load_decoder_config(folder), Checkpoint(folder), format) {}

LiveWeights::LiveWeights(Device& device, DecoderConfig config, const Checkpoint& checkpoint,
                         std::optional<kernels::ExpertFormat> format)
    : config_(std::move(config)),
      dense_(device, checkpoint, config_),
      layout_(live_expert_layout(checkpoint, config_, format)),
      stored_expert_bytes_(prophet::stored_expert_bytes(checkpoint, config_)),
      store_(device, config_.shape.grid, layout_.size_bytes,
             checkpoint_experts(checkpoint, config_, layout_)) {}

}  // namespace prophet
