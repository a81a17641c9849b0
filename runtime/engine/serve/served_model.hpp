#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/cache/running_curve.hpp"
#include "runtime/device/handles.hpp"
#include "runtime/engine/replayed_model.hpp"
#include "runtime/engine/serve/attention_work.hpp"

namespace prophet {

/// Which experts a prompt's tokens choose; recorded routing is of decoded tokens.
enum class PrefillRouting : std::uint8_t {
  rows,  ///< those of as many rows of the trace as the pass has tokens
  all,   ///< every expert of the layer in turn
};
/// Throws Error{usage} for another name than "rows" or "all".
[[nodiscard]] PrefillRouting parse_prefill_routing(std::string_view name);

/// A ReplayedModel whose passes also attend to contexts, and which tells a RunningCurve what decoded tokens
/// choose. Owns its buffers; the device, the trace and the curve must outlive it.
class ServedModel final : public StepModel {
 public:
  ServedModel(Device& device, const RoutingTrace& trace, const Workload& workload, std::uint32_t tokens_max,
              PrefillRouting prefill, RunningCurve& curve, std::uint64_t seed);

  /// What the attention of the next pass takes, over all layers, and of which kind the pass is.
  void expect(StepKind kind, const AttentionWork& work) noexcept;

  [[nodiscard]] const Workload& workload() const noexcept override { return base_.workload(); }
  void begin(std::span<const StepToken> tokens, StreamId compute) override;
  void launch_dense(LayerId layer, std::span<const StepToken> tokens, StreamId compute) override;
  void read_routing(LayerId layer, std::span<const StepToken> tokens, std::span<ExpertId> chosen) override;
  [[nodiscard]] ExpertOp expert(std::uint32_t tokens, std::uint32_t first_output,
                                std::uint32_t rows) const override;
  void launch_combine(LayerId layer, std::span<const std::uint32_t> slots, std::uint32_t tokens,
                      StreamId compute) override;
  void end(std::span<const StepToken> tokens, StreamId compute) override;
  [[nodiscard]] std::uint64_t outputs_checksum(std::uint32_t tokens) override;
  [[nodiscard]] std::uint64_t device_bytes() const noexcept override;

 private:
  void launch_attention(LayerId layer, std::uint64_t bytes, std::uint64_t flops, StreamId compute);

  Device& device_;
  ReplayedModel base_;
  Buffer query_;  ///< one row, which attention reads beside keys and values
  PrefillRouting prefill_;
  RunningCurve& curve_;
  StepKind kind_ = StepKind::decode;
  AttentionWork work_;  ///< of one layer
};

}  // namespace prophet
