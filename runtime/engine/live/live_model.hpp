#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/expert_layout.hpp"
#include "runtime/engine/live/decoder_weights.hpp"
#include "runtime/engine/live/kv_memory.hpp"
#include "runtime/engine/live/live_buffers.hpp"
#include "runtime/engine/live/routing_sink.hpp"
#include "runtime/engine/step_model.hpp"
#include "runtime/model/decoder_config.hpp"

namespace prophet {

/// One token of a live step.
struct LiveToken {
  LaneId lane;
  std::uint32_t id = 0;        ///< below the vocabulary's size
  std::uint32_t position = 0;  ///< in its sequence, below the context that the KV memory holds
};

struct LiveOptions {
  std::uint32_t tokens_max = 1;      ///< of one step
  std::uint32_t logit_rows_max = 1;  ///< tokens of one step whose logits may be asked for
  bool records_hidden = false;       ///< the router's inputs go to the sink too
  /// In decode steps, routers of up to so many coming layers are applied to each router's input.
  std::uint32_t routers_ahead = 0;
  bool router_again = false;  ///< the layer's own once more, in the same way: a control
};

/// A decoder of the OLMoE, Qwen2-MoE, Qwen3-MoE and Mixtral families: attention over paged K and V, a router
/// that decides, and the experts that it chose, in fp32 activations. A token's result depends on its own
/// sequence alone: not on who shares its step, nor on how its prompt was cut into passes, as far as the
/// device's operations keep that (runtime/device/model_ops.hpp).
///
/// Before each step the caller says what its tokens are (set_inputs). Owns its activations; the device, the
/// weights and the KV memory must outlive it. One host thread.
class LiveModel final : public StepModel {
 public:
  /// Throws Error{out_of_memory} when the device cannot hold the activations.
  LiveModel(Device& device, const DecoderConfig& config, const DecoderWeights& weights, KvMemory& kv,
            const kernels::SlabLayout& expert_layout, const LiveOptions& options);

  /// The tokens of the next step, in the order of its StepTokens; logits are computed for the last
  /// `logit_rows`. Tokens of one lane have ascending positions, each right behind what the lane holds. Throws
  /// Error{usage} for more than the options allow, an id beyond the vocabulary or a position beyond the
  /// context. REQUIRES: the step before has finished.
  void set_inputs(std::span<const LiveToken> tokens, std::uint32_t logit_rows, StepKind kind);
  /// [logit_rows, vocab] of the step that has finished.
  [[nodiscard]] std::span<const float> logits();
  /// Told of every layer from now on; null: no one is. It must outlive the steps.
  void set_sink(RoutingSink* sink) noexcept { sink_ = sink; }

  [[nodiscard]] const Workload& workload() const noexcept override { return workload_; }
  void begin(std::span<const StepToken> tokens, StreamId compute) override;
  void launch_dense(LayerId layer, std::span<const StepToken> tokens, StreamId compute) override;
  void read_routing(LayerId layer, std::span<const StepToken> tokens, std::span<ExpertId> chosen) override;
  [[nodiscard]] LogitsAhead logits_ahead(LayerId layer, std::uint32_t tokens) override;
  void launch_beside(LayerId layer, std::uint32_t tokens, StreamId compute) override;
  [[nodiscard]] ExpertOp expert(std::uint32_t tokens, std::uint32_t first_output,
                                std::uint32_t rows) const override;
  void launch_combine(LayerId layer, std::span<const std::uint32_t> slots, std::uint32_t tokens,
                      StreamId compute) override;
  void end(std::span<const StepToken> tokens, StreamId compute) override;
  [[nodiscard]] std::uint64_t outputs_checksum(std::uint32_t tokens) override;
  [[nodiscard]] std::uint64_t device_bytes() const noexcept override;

 private:
  void run_layers_before(std::uint32_t end, std::uint32_t tokens, StreamId compute);
  void attend(std::uint32_t layer, std::uint32_t tokens, StreamId compute);
  void project_heads(std::uint32_t layer, std::uint32_t tokens, StreamId compute);
  void run_dense_ffn(std::uint32_t layer, std::uint32_t tokens, StreamId compute);
  void route(std::uint32_t layer, std::uint32_t tokens, StreamId compute);
  void route_ahead(LayerId layer, std::uint32_t tokens, StreamId compute);
  [[nodiscard]] std::uint32_t routers_behind(LayerId layer) const noexcept;
  void run_ffn(const FfnWeights& ffn, BufferView output, bool accumulate, std::uint32_t layer,
               std::uint32_t tokens, StreamId compute);
  void norm(const WeightVector& weight, BufferView input, BufferView output, std::uint32_t rows,
            std::uint32_t layer, StreamId compute);
  void linear(const WeightMatrix& weights, BufferView bias, BufferView input, BufferView output,
              bool accumulate, std::uint32_t layer, std::uint32_t tokens, StreamId compute);
  void rotate(BufferView values, std::uint32_t heads, std::uint32_t layer, std::uint32_t tokens,
              StreamId compute);
  [[nodiscard]] const DecoderLayerWeights& moe_layer(LayerId layer) const noexcept {
    return weights_.layer(moe_layers_[layer.index()]);
  }

  Device& device_;
  DecoderConfig config_;
  const Architecture& a_;  ///< of config_
  kernels::ExpertActivation activation_;
  const DecoderWeights& weights_;
  KvMemory& kv_;
  kernels::SlabLayout expert_layout_;
  LiveOptions options_;
  Workload workload_;
  std::vector<std::uint32_t> moe_layers_;  ///< [MoE layers] their numbers among all layers
  LiveBuffers buffers_;
  std::uint32_t next_layer_ = 0;  ///< of the running step
  std::uint32_t step_tokens_ = 0;
  StepKind kind_ = StepKind::decode;
  std::uint32_t logit_rows_ = 0;
  std::uint32_t context_tokens_ = 0;  ///< the longest context of the running step
  RoutingSink* sink_ = nullptr;
};

}  // namespace prophet
